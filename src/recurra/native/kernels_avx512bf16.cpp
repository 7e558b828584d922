#include "bfloat_avx512.h"

#include "bfloat_dots.h"

#include "bfloat.inc"

namespace recurra {
const BfloatKernels* const bfloat_dots = &kBfloat;
}  // namespace recurra
