#include "vec_avx2.h"

#include "kernels.inc"

namespace recurra {
namespace {
const Isa kIsa = {"avx2", &kKernels<float>, &kKernels<double>, &kInference, nullptr, nullptr};
}
const Isa* const isa_avx2 = &kIsa;
}  // namespace recurra
