#include "vec_avx512.h"

#include "int8_amx.h"

namespace recurra {
const Int8Kernels* const int8_amx = &kInt8;
}  // namespace recurra
