#include "vec_avx2.h"

#include "int8.h"

namespace recurra {
const Int8Kernels* const int8_avx2 = &kInt8;
}  // namespace recurra
