// Memory for the length of one call.
#pragma once
#include <vector>

#include "memory.h"

namespace recurra {

// Scratch of the calling thread, kept between calls: fresh pages cost more than small calls take.
class Scratch {
 public:
  ~Scratch() { release(start_); }
  void begin() { used_ = 0, spill_.clear(); }
  template <class T> T* take(std::size_t n) {
    const std::size_t bytes = (n * sizeof(T) + 63) / 64 * 64;
    wanted_ = used_ + bytes;
    if (wanted_ > size_) {
      // Rare (a larger call than before): pieces of their own now, one piece next time.
      spill_.push_back(static_cast<char*>(aligned(bytes)));
      used_ = wanted_;
      return reinterpret_cast<T*>(spill_.back());
    }
    used_ = wanted_;
    return reinterpret_cast<T*>(start_ + used_ - bytes);
  }
  void end() {
    for (char* p : spill_) release(p);
    spill_.clear();
    if (used_ > size_ || size_ > kKept) {
      release(start_);
      start_ = nullptr, size_ = 0;
      if (used_ <= kKept) start_ = static_cast<char*>(aligned(used_)), size_ = used_;
    }
  }

 private:
  static constexpr std::size_t kKept = std::size_t{64} << 20;
  char* start_ = nullptr;
  std::size_t size_ = 0, used_ = 0, wanted_ = 0;
  std::vector<char*> spill_;
};
inline thread_local Scratch scratch;
struct Scratching {
  Scratching() { scratch.begin(); }
  ~Scratching() { scratch.end(); }
};

}  // namespace recurra
