// A kernel's share of the scratch memory.
#pragma once
#include <cstddef>

namespace recurra {
namespace {

// Memory handed out in aligned pieces; a null start only counts.
struct Room {
  char* at;
  std::size_t used;
  template <class T> T* take(std::size_t n) {
    used = (used + 63) / 64 * 64;
    T* p = at ? reinterpret_cast<T*>(at + used) : nullptr;
    used += n * sizeof(T);
    return p;
  }
};

}  // namespace
}  // namespace recurra
