#include "vec_avx512.h"

#include "kernels.inc"

namespace recurra {
namespace {
const Isa kIsa = {"avx512", &kKernels<float>, &kKernels<double>, &kInference, nullptr, nullptr};
}
const Isa* const isa_avx512 = &kIsa;
}  // namespace recurra
