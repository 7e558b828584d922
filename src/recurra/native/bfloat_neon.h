// Numbers as bfloat16 on NEON with its bfloat16 instructions (see bfloat.h): a line of a strip, and sixteen sums, are
// four registers.
#pragma once
#include <cstring>

#include "compiler.h"
#include "vec_neon.h"

namespace recurra {
namespace {

struct Line {
  uint32x4_t v[4];
};
struct Sums {
  float32x4_t v[4];
};

inline Line load_line(const Pair* from) {
  Line line;
  RECURRA_UNROLL for (int q = 0; q < 4; ++q) line.v[q] = vld1q_u32(&from[4 * q].bits);
  return line;
}
inline void store_line(Pair* to, Line line) {
  RECURRA_UNROLL for (int q = 0; q < 4; ++q) vst1q_u32(&to[4 * q].bits, line.v[q]);
}

// Of `n` numbers that are left, those of one register; the rest are zeros, and not read.
inline int here(int n) { return n < 0 ? 0 : n < 4 ? n : 4; }
inline uint16x4_t load_four(const Bfloat* from, int n) {
  std::uint16_t bits[4] = {};
  std::memcpy(bits, from, here(n) * sizeof(Bfloat));
  return vld1_u16(bits);
}
inline uint16x4_t rounded_four(const float* from, int n) {
  return vreinterpret_u16_bf16(vcvt_bf16_f32(Vec<float>::load(from, here(n)).v));
}
inline uint32x4_t pair_up(uint16x4_t low, uint16x4_t high) { return vorrq_u32(vmovl_u16(low), vshlq_n_u32(vmovl_u16(high), 16)); }

// To the nearest, ties to even; NaN stays NaN.
inline void narrow(int n, const float* from, Bfloat* to) {
  for (int j = 0; j < n; j += 4) {
    const uint16x4_t four = rounded_four(from + j, n - j);
    std::memcpy(to + j, &four, here(n - j) * sizeof(Bfloat));
  }
}

inline void widen(int n, const Bfloat* from, float* to) {
  for (int j = 0; j < n; j += 4)
    Vec<float>{vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(load_four(from + j, n - j)), 16))}.store(to + j, here(n - j));
}

inline void copy_row(int n, const Bfloat* from, Bfloat* to) { std::memcpy(to, from, n * sizeof(Bfloat)); }

// `lanes` pairs of two rows side by side: a0 b0 a1 b1 ...; a row that is not there counts as zeros.
inline uint16x4_t four_of(const Bfloat* row, int at, int lanes) { return load_four(row + at, lanes - at); }
inline uint16x4_t four_of(const float* row, int at, int lanes) { return rounded_four(row + at, lanes - at); }
template <class T> inline Line pairs(const T* a, const T* b, int lanes) {
  Line line;
  RECURRA_UNROLL for (int q = 0; q < 4; ++q)
    line.v[q] = pair_up(four_of(a, 4 * q, a ? lanes : 0), four_of(b, 4 * q, b ? lanes : 0));
  return line;
}

// Sixteen lines of sixteen pairs, turned, in squares of four.
inline void turn(Line* r) {
  Line s[16];
  RECURRA_UNROLL for (int i = 0; i < 4; ++i) {
    RECURRA_UNROLL for (int j = 0; j < 4; ++j) {
      const auto *a = &r[4 * i].v[j], *b = &r[4 * i + 1].v[j], *c = &r[4 * i + 2].v[j], *d = &r[4 * i + 3].v[j];
      const uint32x4_t ac = vzip1q_u32(*a, *c), bd = vzip1q_u32(*b, *d), ac2 = vzip2q_u32(*a, *c), bd2 = vzip2q_u32(*b, *d);
      s[4 * j].v[i] = vzip1q_u32(ac, bd), s[4 * j + 1].v[i] = vzip2q_u32(ac, bd);
      s[4 * j + 2].v[i] = vzip1q_u32(ac2, bd2), s[4 * j + 3].v[i] = vzip2q_u32(ac2, bd2);
    }
  }
  for (int i = 0; i < 16; ++i) r[i] = s[i];
}

// The first `count` of 32 numbers that lie side by side, as pairs of neighbours.
inline Line neighbours(const float* at, int count) {
  Line line;
  RECURRA_UNROLL for (int q = 0; q < 4; ++q)
    line.v[q] = vreinterpretq_u32_u16(vcombine_u16(rounded_four(at + 8 * q, count - 8 * q), rounded_four(at + 8 * q + 4, count - 8 * q - 4)));
  return line;
}

// Sums of products of pairs; the first `lanes` of sixteen.
inline Sums no_sums() { return {{vdupq_n_f32(0.f), vdupq_n_f32(0.f), vdupq_n_f32(0.f), vdupq_n_f32(0.f)}}; }
inline Sums load_sums(const float* from, int lanes) {
  Sums s;
  RECURRA_UNROLL for (int q = 0; q < 4; ++q) s.v[q] = Vec<float>::load(from + 4 * q, here(lanes - 4 * q)).v;
  return s;
}
inline void store_sums(float* to, int lanes, Sums s) {
  RECURRA_UNROLL for (int q = 0; q < 4; ++q) Vec<float>{s.v[q]}.store(to + 4 * q, here(lanes - 4 * q));
}
inline Line pair_of(const void* at) {
  std::uint32_t bits;
  std::memcpy(&bits, at, sizeof bits);
  const uint32x4_t all = vdupq_n_u32(bits);
  return {{all, all, all, all}};
}
inline Sums add_products(Sums s, Line a, Line b) {
  RECURRA_UNROLL for (int q = 0; q < 4; ++q)
    s.v[q] = vbfdotq_f32(s.v[q], vreinterpretq_bf16_u32(a.v[q]), vreinterpretq_bf16_u32(b.v[q]));
  return s;
}
// Not by products with ones: of that constant GCC 12 makes an instruction that is not there.
inline Sums add_pairs(Sums s, Line line) {
  RECURRA_UNROLL for (int q = 0; q < 4; ++q) {
    const float32x4_t low = vreinterpretq_f32_u32(vshlq_n_u32(line.v[q], 16));
    const float32x4_t high = vreinterpretq_f32_u32(vandq_u32(line.v[q], vdupq_n_u32(0xFFFF0000u)));
    s.v[q] = vaddq_f32(s.v[q], vaddq_f32(low, high));
  }
  return s;
}

// Rows and strips of a block of such sums: 24 registers of 32.
constexpr int kDotRows = 6, kDotStrips = 1;

}  // namespace
}  // namespace recurra
