// What this processor has, and what the system lets a process use of it.
#pragma once
#include <cstddef>

#if defined(RECURRA_HAVE_X86)
#include <cpuid.h>
#endif
#if defined(RECURRA_HAVE_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(RECURRA_HAVE_NEON) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(RECURRA_HAVE_NEON) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace recurra::cpu {

#if defined(RECURRA_HAVE_X86)
inline bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
inline bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}
inline bool has_avx512bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1u);
}
inline bool has_avx512vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
inline bool has_avxvnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1u);
}
// A process asks for the tiles once, for all its threads; a container or a sandbox may refuse them.
inline bool may_use_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 24 & 1u) || !(d >> 22 & 1u) || !(d >> 25 & 1u)) return false;
#if defined(__linux__)
  constexpr long kAsk = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kAsk, kTileData) == 0;
#else
  return false;
#endif
}
#else
inline bool has_avx2() { return false; }
inline bool has_avx512() { return false; }
inline bool has_avx512bf16() { return false; }
inline bool has_avx512vnni() { return false; }
inline bool has_avxvnni() { return false; }
inline bool may_use_amx() { return false; }
#endif

// NEON itself is part of every AArch64.
inline bool has_neon_bf16() {
#if defined(RECURRA_HAVE_NEON) && defined(__linux__)
  return getauxval(AT_HWCAP2) >> 14 & 1u;  // HWCAP2_BF16
#elif defined(RECURRA_HAVE_NEON) && defined(__APPLE__)
  int found = 0;
  std::size_t bytes = sizeof found;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &found, &bytes, nullptr, 0) == 0 && found;
#else
  return false;
#endif
}

}  // namespace recurra::cpu
