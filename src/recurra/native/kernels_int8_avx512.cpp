#include "vec_avx512.h"

#include "int8.h"

namespace recurra {
const Int8Kernels* const int8_avx512 = &kInt8;
}  // namespace recurra
