// A number that tells whether weights are still those that were packed.
#pragma once
#include <cstdint>
#include <cstring>

#include "product.h"

namespace recurra {
namespace {

typedef std::uint64_t Lanes RECURRA_VECTOR(64);

inline void turn(Lanes& h, const char* from) {
  Lanes v;
  std::memcpy(&v, from, sizeof v);
  h = ((h << 5) | (h >> 59)) + v;
}

// Of all bytes.
inline std::uint64_t digest(const void* array, std::size_t bytes) {
  constexpr std::size_t kLine = 64;
  const char* p = static_cast<const char*>(array);
  const std::size_t lines = bytes / kLine;
  // Four at a time, since each waits for the one before.
  Lanes h[4] = {};
  std::size_t line = 0;
  for (; line + 4 <= lines; line += 4) {
    RECURRA_UNROLL for (std::size_t i = 0; i < 4; ++i) turn(h[i], p + (line + i) * kLine);
  }
  for (; line < lines; ++line) turn(h[0], p + line * kLine);
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
