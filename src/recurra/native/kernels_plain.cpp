#include "vec_plain.h"

#include "kernels.inc"

namespace recurra {
namespace {
const Isa kIsa = {"plain", &kKernels<float>, &kKernels<double>, &kInference, nullptr, nullptr};
}
const Isa* const isa_plain = &kIsa;
}  // namespace recurra
