#include "bfloat_neon.h"

#include "bfloat_dots.h"

#include "bfloat.inc"

namespace recurra {
const BfloatKernels* const bfloat_neon = &kBfloat;
}  // namespace recurra
