#include "vec_plain.h"

#include "int8.h"

namespace recurra {
const Int8Kernels* const int8_plain = &kInt8;
}  // namespace recurra
