// Which instruction set runs: the best one that this processor has, or the one that RECURRA_ISA names.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "cpu.h"
#include "scan.h"

namespace recurra {

#if !defined(RECURRA_HAVE_X86)
const Isa* const isa_avx2 = nullptr;
const Isa* const isa_avx512 = nullptr;
const Int8Kernels* const int8_avx2 = nullptr;
#endif
#if !defined(RECURRA_HAVE_BFLOAT)
const BfloatKernels* const bfloat_amx = nullptr;
const BfloatKernels* const bfloat_dots = nullptr;
#endif
#if !defined(RECURRA_HAVE_INT8)
const Int8Kernels* const int8_avxvnni = nullptr;
const Int8Kernels* const int8_avx512 = nullptr;
const Int8Kernels* const int8_amx = nullptr;
#endif
#if !defined(RECURRA_HAVE_NEON)
const Isa* const isa_neon = nullptr;
#endif
#if !defined(RECURRA_HAVE_NEON_BFLOAT)
const BfloatKernels* const bfloat_neon = nullptr;
#endif

namespace {

std::atomic<const Isa*> chosen{nullptr};

// The kernels of a set, and beside them products in bfloat16 and of int8.
Isa with(const Isa* kernels, const char* name, const BfloatKernels* bfloat, const Int8Kernels* int8) {
  Isa isa = kernels ? *kernels : *isa_plain;
  isa.name = name, isa.bfloat = bfloat, isa.int8 = int8;
  return isa;
}

// All that can run here, the best one first.
const std::vector<const Isa*>& here() {
  static const Int8Kernels* const vnni = int8_avx512 && cpu::has_avx512vnni() ? int8_avx512 : int8_avx2;
  static const Isa amx = with(isa_avx512, "amx", bfloat_amx, int8_amx ? int8_amx : vnni);
  static const Isa dots = with(isa_avx512, "avx512bf16", bfloat_dots, vnni), avx512 = with(isa_avx512, "avx512", nullptr, vnni);
  static const Isa avxvnni = with(isa_avx2, "avxvnni", nullptr, int8_avxvnni), avx2 = with(isa_avx2, "avx2", nullptr, int8_avx2);
  static const Isa neonbf16 = with(isa_neon, "neonbf16", bfloat_neon, int8_plain), neon = with(isa_neon, "neon", nullptr, int8_plain);
  static const Isa plain = with(isa_plain, "plain", nullptr, int8_plain);
  static const std::vector<const Isa*> found = [] {
    std::vector<const Isa*> all;
    if (isa_avx512 && cpu::has_avx512()) {
      const bool bfloat = bfloat_dots && cpu::has_avx512bf16();
      if (bfloat && cpu::may_use_amx()) all.push_back(&amx);
      if (bfloat) all.push_back(&dots);
      all.push_back(&avx512);
    }
    if (isa_avx2 && cpu::has_avx2()) {
      if (int8_avxvnni && cpu::has_avxvnni()) all.push_back(&avxvnni);
      all.push_back(&avx2);
    }
    if (bfloat_neon && cpu::has_neon_bf16()) all.push_back(&neonbf16);
    if (isa_neon) all.push_back(&neon);
    all.push_back(&plain);
    return all;
  }();
  return found;
}

const Isa* find(const char* name) {
  for (const Isa* isa : here())
    if (std::strcmp(isa->name, name) == 0) return isa;
  return nullptr;
}

}  // namespace

std::vector<const char*> isas() {
  std::vector<const char*> names;
  for (const Isa* isa : here()) names.push_back(isa->name);
  return names;
}

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
  if (!best) best = here().front();
  chosen.store(best, std::memory_order_release);
  return *best;
}

}  // namespace recurra
