#include "bfloat_avx512.h"

#include "bfloat_amx.h"

#include "bfloat.inc"

namespace recurra {
const BfloatKernels* const bfloat_amx = &kBfloat;
}  // namespace recurra
