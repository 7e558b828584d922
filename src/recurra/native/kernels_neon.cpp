#include "vec_neon.h"

#include "kernels.inc"

namespace recurra {
namespace {
const Isa kIsa = {"neon", &kKernels<float>, &kKernels<double>, &kInference, nullptr};
}
const Isa* const isa_neon = &kIsa;
}  // namespace recurra
