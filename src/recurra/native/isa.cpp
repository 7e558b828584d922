// Which instruction set runs: the best one that this processor has, or the one that RECURRA_ISA names.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "scan.h"

namespace recurra {

#if !defined(RECURRA_HAVE_X86)
const Isa* const isa_avx2 = nullptr;
const Isa* const isa_avx512 = nullptr;
#endif

std::vector<const char*> isas() {
  std::vector<const char*> names;
#if defined(RECURRA_HAVE_X86)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    names.push_back("avx512");
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) names.push_back("avx2");
#endif
  names.push_back("plain");
  return names;
}

namespace {

std::atomic<const Isa*> chosen{nullptr};

const Isa* find(const char* name) {
  for (const char* here : isas()) {
    if (std::strcmp(here, name) != 0) continue;
    for (const Isa* isa : {isa_avx512, isa_avx2, isa_plain})
      if (isa && std::strcmp(isa->name, name) == 0) return isa;
  }
  return nullptr;
}

}  // namespace

bool use_isa(const char* name) {
  const Isa* found = find(name);
  if (found) chosen.store(found);
  return found != nullptr;
}

const Isa& isa() {
  if (const Isa* now = chosen.load(std::memory_order_acquire)) return *now;
  // A name that cannot run here is refused where the module is loaded (binding.cpp).
  const char* forced = std::getenv("RECURRA_ISA");
  const Isa* best = forced && *forced ? find(forced) : nullptr;
  if (!best) best = find(isas().front());
  chosen.store(best, std::memory_order_release);
  return *best;
}

}  // namespace recurra
