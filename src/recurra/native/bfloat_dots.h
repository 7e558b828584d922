#pragma once
#include "bfloat.h"
namespace recurra { namespace {
class Engine {};
inline void bfloat_product(int rows, const Bfloat* a, std::ptrdiff_t a_stride, int depth, const Pair* packed, int n,
                           float* c, std::ptrdiff_t c_stride, const float* bias, bool add) {
}
inline std::size_t bfloat_outer_room(int m, int n) { return 0;}
inline void bfloat_outer(const Outer<Bfloat, float>& o, void* memory) {}
}}
