// Weights kept as int8, a scale a row of outputs; inputs rounded to int8 as they are used, a scale a row.
//
// y = sum(q w) * (s * scale) + bias, where x is about q s. Sums are whole numbers, the same in any order; the few
// operations in single precision are the same everywhere, and none of them is fused. So every kernel gives the same
// numbers, to the last bit, and so does plain.py.
//
// A matrix (depth x n) is a row of strips, each as many columns as a register has lanes: their scales; what their sums
// begin with; and lines, each four k of every column.
#pragma once
#include "int8_dots.h"
#include "product.h"
#include "room.h"

namespace recurra {
namespace {

constexpr int kGroup = 4;                // k of a line
constexpr int kInt8Lines = 16;           // of a tile of AMX: lines are a multiple of it
constexpr int kInt8Deepest = 1 << 15;    // sums fit into 31 bits, and a row into the room (fit.py refuses more)
constexpr int kInt8Room = 64 << 10;      // bytes of rounded rows, on the stack
constexpr int kInt8Together = 96;        // rows whose scales there is room for
constexpr float kNothing = 1e-30f;       // what is smaller throughout is zero
constexpr int kLineBytes = kGroup * Vec<float>::W;

inline int lines_of(int depth) { return round_up(depth, kGroup * kInt8Lines) / kGroup; }
inline std::size_t strip_bytes(int depth) { return static_cast<std::size_t>(2 + lines_of(depth)) * kLineBytes; }
inline std::size_t int8_size(int depth, int n) { return strip_bytes(depth) * (round_up(n, Vec<float>::W) / Vec<float>::W); }
inline std::size_t int8_column(int first, int depth) { return strip_bytes(depth) * (first / Vec<float>::W); }

// The greatest magnitude of a row; NaN where a number is none, or infinite.
inline float greatest(const float* x, int depth) {
  using V = Vec<float>;
  V most = V::all(0.f), odd = V::all(0.f);
  const auto look = [&](V v) {
    most = at_least(most, magnitude(v));
    odd = odd + (v - v);
  };
  int k = 0;
  for (; k + V::W <= depth; k += V::W) look(V::load(x + k));
  if (k < depth) look(V::load(x + k, depth - k));
  float each[V::W], odds[V::W], found = 0.f;
  most.store(each), odd.store(odds);
  for (int j = 0; j < V::W; ++j) {
    if (odds[j] != odds[j]) return odds[j];
    found = each[j] > found ? each[j] : found;
  }
  return found;
}

// x / scale or x * inverse to the nearest whole number, zeros up to whole tiles.
template <class Body> inline void round_row(int depth, std::int8_t* to, Body body) {
  using V = Vec<float>;
  int k = 0;
  for (; k + V::W <= depth; k += V::W) store_int8(nearest(body(k, V::W)), to + k);
  if (k < depth) store_int8(nearest(body(k, depth - k)), to + k), k += V::W;
  const int end = round_up(depth, kGroup * kInt8Lines);
  if (k < end) std::memset(to + k, 0, static_cast<std::size_t>(end - k));
}

// An input: its scale. A row that holds what is no number, or infinite, is NaN throughout.
inline float round_input(const float* x, int depth, std::int8_t* to) {
  using V = Vec<float>;
  const float most = greatest(x, depth);
  const bool any = most >= kNothing;
  const V inverse = V::all(any ? 127.f / most : 0.f), zero = V::all(0.f);
  round_row(depth, to, [&](int k, int n) {
    return !any ? zero : (n == V::W ? V::load(x + k) : V::load(x + k, n)) * inverse;
  });
  return most != most ? most : any ? most / 127.f : 0.f;
}

// A scale has 17 bits, so that a number times it is exact: weights that were rounded once are rounded to themselves.
inline float scale_of(float most) {
  if (!(most >= kNothing)) return most != most ? most : 0.f;
  const float scale = most / 127.f;
  std::uint32_t bits;
  std::memcpy(&bits, &scale, sizeof bits);
  bits &= ~0x7Fu;
  float rounded;
  std::memcpy(&rounded, &bits, sizeof rounded);
  return rounded;
}

inline void int8_pack(const float* weight, int depth, int n, void* packed) {
  using V = Vec<float>;
  const int up = round_up(depth, kGroup * kInt8Lines);
  std::int8_t row[kInt8Deepest];
  for (int first = 0; first < n; first += V::W) {
    char* strip = static_cast<char*>(packed) + int8_column(first, depth);
    float scales[V::W] = {};
    std::int32_t begins[V::W] = {};
    auto* lines = reinterpret_cast<std::int8_t*>(strip + 2 * kLineBytes);
    std::memset(lines, 0, strip_bytes(depth) - 2 * kLineBytes);
    for (int j = 0; j < V::W && first + j < n; ++j) {
      const float* at = weight + static_cast<std::ptrdiff_t>(first + j) * depth;
      const float scale = scales[j] = scale_of(greatest(at, depth));
      if (!(scale > 0.f)) continue;
      const V divisor = V::all(scale);
      round_row(depth, row, [&](int k, int m) { return (m == V::W ? V::load(at + k) : V::load(at + k, m)) / divisor; });
      std::int32_t sum = 0;
      for (int k = 0; k < up; k += kGroup) {
        std::memcpy(lines + k / kGroup * kLineBytes + j * kGroup, row + k, kGroup);
        sum += row[k] + row[k + 1] + row[k + 2] + row[k + 3];
      }
      if (kRaised) begins[j] = -128 * sum;
    }
    std::memcpy(strip, scales, sizeof scales);
    std::memcpy(strip + kLineBytes, begins, sizeof begins);
  }
}

// What a block has summed becomes outputs of one row.
inline void finish(Vec<float> sum, float scale, const char* strip, const float* bias, float* out, int lanes) {
  using V = Vec<float>;
  const V factor = V::all(scale) * V::load(reinterpret_cast<const float*>(strip));
  const V product = sum * factor;
  if (lanes == V::W) return (product + (bias ? V::load(bias) : V::all(0.f))).store(out);
  (product + (bias ? V::load(bias, lanes) : V::all(0.f))).store(out, lanes);
}

// Rows that were rounded, `stride` bytes apart, and what they are multiplied with.
struct Int8Rows {
  const std::int8_t* at;
  std::ptrdiff_t stride;
  const float* scales;
  int groups;
};

// R rows by N strips, each summed in S parts.
template <int R, int N, int S>
inline void int8_block(const Int8Rows& a, int row, const char* b, std::size_t beside, float* const* c, int column, int last,
                       const float* bias) {
  Sums sum[S][R][N];
  RECURRA_UNROLL for (int v = 0; v < N; ++v) {
    const Sums begin = from(reinterpret_cast<const std::int32_t*>(b + v * beside + kLineBytes));
    RECURRA_UNROLL for (int s = 0; s < S; ++s) {
      RECURRA_UNROLL for (int r = 0; r < R; ++r) sum[s][r][v] = s ? Sums{} : begin;
    }
  }
  const char* line = b + 2 * kLineBytes;
  const std::int8_t* in = a.at + row * a.stride;
  const auto multiply = [&](int i, int s) RECURRA_INLINE {
    Bytes w[N];
    RECURRA_UNROLL for (int v = 0; v < N; ++v) w[v] = bytes(reinterpret_cast<const std::int8_t*>(line + v * beside + i * kLineBytes));
    RECURRA_UNROLL for (int r = 0; r < R; ++r) {
      std::int32_t group;
      std::memcpy(&group, in + r * a.stride + i * kGroup, sizeof group);
      const Four x = four(group);
      RECURRA_UNROLL for (int v = 0; v < N; ++v) sum[s][r][v] = dot(sum[s][r][v], x, w[v]);
    }
  };
  int i = 0;
  for (; i + S <= a.groups; i += S) {
    RECURRA_UNROLL for (int s = 0; s < S; ++s) multiply(i + s, s);
  }
  for (; i < a.groups; ++i) multiply(i, 0);
  RECURRA_UNROLL for (int r = 0; r < R; ++r) {
    RECURRA_UNROLL for (int v = 0; v < N; ++v) {
      Sums all = sum[0][r][v];
      RECURRA_UNROLL for (int s = 1; s < S; ++s) all = plus(all, sum[s][r][v]);
      const int at = column + v * Vec<float>::W;
      finish(number(all), a.scales[row + r], b + v * beside, bias ? bias + at : nullptr, c[row + r] + at,
             v + 1 < N ? Vec<float>::W : last);
    }
  }
}

template <int N, class... Rest> inline void int8_rows(int rows, Rest... rest) {
  constexpr int kThree = kInt8Rows < 3 ? kInt8Rows : 3, kFour = kInt8Rows < 4 ? kInt8Rows : 4, kFive = kInt8Rows < 5 ? kInt8Rows : 5;
  switch (rows) {
    case 1: return int8_block<1, N, 2>(rest...);
    case 2: return int8_block<2, N, 1>(rest...);
    case 3: return int8_block<kThree, N, 1>(rest...);
    case 4: return int8_block<kFour, N, 1>(rest...);
    case 5: return int8_block<kFive, N, 1>(rest...);
    default: return int8_block<kInt8Rows, N, 1>(rest...);
  }
}

template <class... Rest> inline void int8_strips(int strips, int rows, Rest... rest) {
  constexpr int kThree = kInt8Strips < 3 ? kInt8Strips : 3;
  switch (strips) {
    case 1: return int8_rows<1>(rows, rest...);
    case 2: return int8_rows<2>(rows, rest...);
    case 3: return int8_rows<kThree>(rows, rest...);
    default: return int8_rows<kInt8Strips>(rows, rest...);
  }
}

// Strips [first, end) of some rows, one after the other in groups that registers hold.
inline void int8_multiply(const Int8Rows& a, int rows, const char* packed, std::size_t beside, int n, float* const* c, const float* bias) {
  constexpr int W = Vec<float>::W;
  const int strips = (n + W - 1) / W, blocks = (rows + kInt8Rows - 1) / kInt8Rows;
  for (int strip = 0; strip < strips; strip += kInt8Strips) {
    const int across = strips - strip < kInt8Strips ? strips - strip : kInt8Strips;
    const int last = n - (strip + across - 1) * W < W ? n - (strip + across - 1) * W : W;
    for (int i = 0, row = 0; i < blocks; ++i) {
      const int count = (rows - row + (blocks - i) - 1) / (blocks - i);
      int8_strips(across, count, a, row, packed + strip * beside, beside, c, strip * W, last, bias);
      row += count;
    }
  }
}

// c[i] (n) = a[i] (depth) times packed (depth x n), plus a bias (n, or null), for i < rows.
template <class Multiply>
inline void int8_product_by(Multiply multiply, int rows, const float* const* a, int depth, const void* packed, int n,
                            float* const* c, const float* bias) {
  alignas(64) std::int8_t room[kInt8Room];
  float scales[kInt8Together];
  const std::ptrdiff_t stride = (round_up(depth, 64) / 64 | 1) * 64;  // odd: rows lie all over the first cache
  int most = kInt8Room / stride < kInt8Together ? static_cast<int>(kInt8Room / stride) : kInt8Together;
  if (most > 2 * kInt8Lines) most -= most % (2 * kInt8Lines);  // whole tiles
  for (int row = 0; row < rows; row += most) {
    const int count = rows - row < most ? rows - row : most;
    for (int r = 0; r < count; ++r) scales[r] = round_input(a[row + r], depth, room + r * stride);
    const Int8Rows in{room, stride, scales, (depth + kGroup - 1) / kGroup};
    multiply(in, most, count, static_cast<const char*>(packed), strip_bytes(depth), n, c + row, bias);
  }
}

#if !defined(__AMX_INT8__)
inline void int8_product(int rows, const float* const* a, int depth, const void* packed, int n, float* const* c, const float* bias) {
  const auto multiply = [](const Int8Rows& in, int, int count, const char* b, std::size_t beside, int columns, float* const* to,
                           const float* add) { int8_multiply(in, count, b, beside, columns, to, add); };
  int8_product_by(multiply, rows, a, depth, packed, n, c, bias);
}
constexpr Int8Kernels kInt8 = {int8_size, int8_pack, int8_column, int8_product};
#endif

}  // namespace
}  // namespace recurra
