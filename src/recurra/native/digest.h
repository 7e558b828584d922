// A number that tells whether weights are still those that were packed.
#pragma once
#include <cstdint>
#include <cstring>

#include "product.h"

namespace recurra {
namespace {

typedef std::uint64_t Lanes __attribute__((vector_size(64)));

inline void turn(Lanes& h, const char* from) {
  Lanes v;
  std::memcpy(&v, from, sizeof v);
  h = ((h << 5) | (h >> 59)) + v;
}

// Of all bytes up to 256 KiB, and of evenly spread cache lines, 256 KiB of them, beyond.
inline std::uint64_t digest(const void* array, std::size_t bytes) {
  constexpr std::size_t kLine = 64, kMost = std::size_t{256} << 10;
  const char* p = static_cast<const char*>(array);
  const std::size_t lines = bytes / kLine, every = bytes > kMost ? (bytes + kMost - 1) / kMost : 1;
  // Four at a time, since each waits for the one before. The line read in a run of `every` moves on from run to
  // run, so that every column of a matrix is met.
  Lanes h[4] = {};
  std::size_t line = 0, shift = 0;
  const auto next = [&] {
    const char* at = p + (line + shift) * kLine;
    line += every;
    shift = shift + 1 < every ? shift + 1 : 0;
    return at;
  };
  while (line + 4 * every <= lines) {
    RECURRA_UNROLL for (int i = 0; i < 4; ++i) turn(h[i], next());
  }
  while (line + every <= lines) turn(h[0], next());
  char rest[kLine] = {};
  std::memcpy(rest, p + lines * kLine, bytes - lines * kLine);
  turn(h[1], rest);
  std::uint64_t all = bytes;
  for (const Lanes& lanes : h)
    for (int i = 0; i < 8; ++i) all = (((all << 23) | (all >> 41)) + lanes[i]) * 0x9E3779B97F4A7C15u;
  return all;
}

}  // namespace
}  // namespace recurra
