// What all products by AMX share: a thread's tiles, and the blocks of them that a product is made of.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace recurra {
namespace {

constexpr int kTileRows = 16;

// While one lives, this thread's tiles are eight of 16 lines of 64 bytes.
class Engine {
 public:
  Engine() {
    alignas(64) std::uint8_t config[64] = {1};
    for (int t = 0; t < 8; ++t) config[16 + 2 * t] = 64, config[48 + t] = kTileRows;
    _tile_loadconfig(config);
  }
  ~Engine() { _tile_release(); }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
};

// Calls block(shape, row, strip) for blocks of m tiles of rows by n strips that together are all rows and strips.
template <class Block> inline void in_blocks(int rows, int strips, const Block& block) {
  struct Two { enum { m = 2, n = 2 }; };
  struct Tall { enum { m = 2, n = 1 }; };
  struct Row { enum { m = 1, n = 4 }; };
  struct Flat { enum { m = 1, n = 2 }; };
  struct One { enum { m = 1, n = 1 }; };
  int strip = 0;
  if (rows <= kTileRows) {
    for (; strip + 4 <= strips; strip += 4) block(Row{}, 0, strip);
  }
  for (; strip < strips; strip += 2) {
    const bool both = strip + 2 <= strips;
    for (int row = 0; row < rows; row += 2 * kTileRows) {
      if (rows - row > kTileRows) {
        both ? block(Two{}, row, strip) : block(Tall{}, row, strip);
      } else {
        both ? block(Flat{}, row, strip) : block(One{}, row, strip);
      }
    }
  }
}

}  // namespace
}  // namespace recurra
