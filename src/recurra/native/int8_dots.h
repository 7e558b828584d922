// Sums of products of int8, four of them at once, in registers of int32: no sum saturates.
//
// Weights are in [-127, 127], and so are inputs. Where an instruction wants one of the two without a sign, inputs are
// raised by 128, and a sum begins with what that adds to it, taken away (`kRaised`).
#pragma once
#include <cstdint>
#include <cstring>

#include "compiler.h"

namespace recurra {
namespace {

#if defined(__AVX512VNNI__)

constexpr bool kRaised = true;
using Sums = __m512i;
using Bytes = __m512i;
using Four = __m512i;  // one group of an input, for all columns
inline Sums from(const std::int32_t* p) { return _mm512_loadu_si512(p); }
inline Bytes bytes(const std::int8_t* p) { return _mm512_loadu_si512(p); }
inline Four four(std::int32_t group) { return _mm512_set1_epi32(group ^ static_cast<std::int32_t>(0x80808080u)); }
inline Sums dot(Sums sum, Four x, Bytes w) { return _mm512_dpbusd_epi32(sum, x, w); }
inline Sums plus(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
inline Vec<float> number(Sums sum) { return {_mm512_cvtepi32_ps(sum)}; }
constexpr int kInt8Rows = 6, kInt8Strips = 4;

#elif defined(__AVX2__)

using Sums = __m256i;
using Bytes = __m256i;
inline Sums from(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Bytes bytes(const std::int8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Sums plus(Sums a, Sums b) { return _mm256_add_epi32(a, b); }
inline Vec<float> number(Sums sum) { return {_mm256_cvtepi32_ps(sum)}; }
#if defined(__AVXVNNI__)
constexpr bool kRaised = true;
using Four = __m256i;
inline Four four(std::int32_t group) { return _mm256_set1_epi32(group ^ static_cast<std::int32_t>(0x80808080u)); }
inline Sums dot(Sums sum, Four x, Bytes w) { return _mm256_dpbusd_avx_epi32(sum, x, w); }
constexpr int kInt8Rows = 4, kInt8Strips = 3;
#else
// Magnitudes of inputs times weights that take their signs: two of 127 x 127 fit into 16 bits.
constexpr bool kRaised = false;
struct Four {
  __m256i whole, magnitude;
};
inline Four four(std::int32_t group) {
  const __m256i x = _mm256_set1_epi32(group);
  return {x, _mm256_abs_epi8(x)};
}
inline Sums dot(Sums sum, Four x, Bytes w) {
  const __m256i pairs = _mm256_maddubs_epi16(x.magnitude, _mm256_sign_epi8(w, x.whole));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
constexpr int kInt8Rows = 3, kInt8Strips = 2;
#endif

#else

constexpr bool kRaised = false;
typedef std::int32_t Sums RECURRA_VECTOR(16);
typedef std::int8_t Bytes RECURRA_VECTOR(16);
struct Four {
  std::int8_t of[4];
};
inline Sums from(const std::int32_t* p) {
  Sums s;
  std::memcpy(&s, p, sizeof s);
  return s;
}
inline Bytes bytes(const std::int8_t* p) {
  Bytes b;
  std::memcpy(&b, p, sizeof b);
  return b;
}
inline Four four(std::int32_t group) {
  Four x;
  std::memcpy(x.of, &group, sizeof x);
  return x;
}
inline Sums dot(Sums sum, Four x, Bytes w) {
  for (int j = 0; j < 4; ++j)
    for (int k = 0; k < 4; ++k) sum[j] += x.of[k] * w[4 * j + k];
  return sum;
}
inline Sums plus(Sums a, Sums b) { return a + b; }
inline Vec<float> number(Sums sum) {
  Vec<float> x;
  for (int j = 0; j < 4; ++j) x.v[j] = static_cast<float>(sum[j]);
  return x;
}
constexpr int kInt8Rows = 2, kInt8Strips = 2;

#endif

// A register of whole numbers in [-127, 127], a byte each.
inline void store_int8(Vec<float> x, std::int8_t* to) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x.v)));
#elif defined(__AVX2__)
  const __m256i wide = _mm256_cvtps_epi32(x.v);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packs_epi16(words, words));
#else
  for (int i = 0; i < Vec<float>::W; ++i) to[i] = static_cast<std::int8_t>(x.v[i]);
#endif
}

}  // namespace
}  // namespace recurra
