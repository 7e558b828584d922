// Memory that starts on a cache line.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>

namespace recurra {

inline void* aligned(std::size_t bytes) {
  void* p = nullptr;
#if defined(_WIN32)
  p = _aligned_malloc(bytes, 64);
#else
  if (posix_memalign(&p, 64, bytes) != 0) p = nullptr;
#endif
  if (!p) throw std::bad_alloc();
  return p;
}

inline void release(void* p) {
#if defined(_WIN32)
  _aligned_free(p);
#else
  std::free(p);
#endif
}

}  // namespace recurra
