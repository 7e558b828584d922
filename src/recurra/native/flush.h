// Numbers too small to be normal (below 1e-38 in float) are zero while this lives, in this thread alone: a
// processor takes up to 40 times as long over them, and states and gradients that fade away are full of them.
#pragma once
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif
#include <cstdint>

namespace recurra {

class Flushed {
 public:
#if defined(__x86_64__) || defined(_M_X64)
  Flushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }  // results, and what is read
  ~Flushed() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  Flushed() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" ::"r"(before_ | (std::uint64_t{1} << 24)));
  }
  ~Flushed() { asm volatile("msr fpcr, %0" ::"r"(before_)); }

 private:
  std::uint64_t before_;
#endif
  Flushed(const Flushed&) = delete;
  Flushed& operator=(const Flushed&) = delete;
};

}  // namespace recurra
