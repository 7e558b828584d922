// What GCC and Clang have and C++ has not, in one place; what they know of the processor is in cpu.h. Clang has all of
// it on Windows too.
#pragma once

#if defined(__clang__)
#define RECURRA_UNROLL _Pragma("unroll 16")
#else
#define RECURRA_UNROLL _Pragma("GCC unroll 16")
#endif
#define RECURRA_INLINE __attribute__((always_inline))
#define RECURRA_VECTOR(bytes) __attribute__((vector_size(bytes)))

namespace recurra {
namespace {

inline RECURRA_INLINE void prefetch(const void* at) { __builtin_prefetch(at); }
inline int lowest_bit(unsigned bits) { return __builtin_ctz(bits); }
constexpr float kInfinity = __builtin_inff();

}  // namespace
}  // namespace recurra
