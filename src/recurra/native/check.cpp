// Runs the kernels over random shapes under the sanitizers, every array of exactly the size it must have.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "scan.h"

using namespace recurra;

namespace {

std::mt19937 random_bits(1);
int between(int low, int high) { return low + static_cast<int>(random_bits() % static_cast<unsigned>(high - low + 1)); }

template <class T> std::vector<T> numbers(std::size_t n) {
  std::vector<T> v(n);
  for (T& x : v) x = static_cast<T>(random_bits() % 2001) / T(1000) - T(1);
  return v;
}

template <class T> void once() {
  const int cell = between(0, 3), kind = between(0, 3), batch = between(0, 9), most = between(1, 9);
  const std::int64_t F = between(1, 70), H = between(1, 70), G = gates(cell) * H;
  std::vector<std::int64_t> lengths(batch);
  std::int64_t total = 0;
  for (auto& l : lengths) l = between(0, most);
  if (kind == kPacked) {
    for (auto& l : lengths) l = l ? l : 1;
    for (int b = 1; b < batch; ++b) lengths[b] = lengths[b] < lengths[b - 1] ? lengths[b] : lengths[b - 1];
  }
  for (auto l : lengths) total += l;
  const bool padded = kind <= kTimeFirst;
  const std::int64_t N = padded ? std::int64_t{batch} * most : total;
  std::vector<std::uint8_t> resets(N);
  for (auto& r : resets) r = between(0, 4) == 0;
  const Shape s{cell, kind, batch, padded ? most : total, F, H, lengths.data(), between(0, 1) ? resets.data() : nullptr,
                between(0, 1) == 1, between(1, 4)};
  const bool lstm = cell == kLstm, projected = between(0, 3) == 0;
  auto x = numbers<T>(N * (projected ? G : F)), wi = numbers<T>(G * F), wh = numbers<T>(G * H), b = numbers<T>(G);
  auto h0 = numbers<T>(batch * H), c0 = numbers<T>(batch * H);
  std::vector<T> out(N * H), cells(lstm ? N * H : 0), saved(N * saved_width(cell) * H), hn(batch * H), cn(batch * H);
  const bool prepare = !projected && between(0, 2) == 0;
  Prepared<T> packed(cell, F, H, wi.data(), wh.data(), b.data(), b.data());
  if (!packed.same(wi.data(), wh.data(), b.data(), b.data())) std::abort();
  ForwardCall<T> f{};
  (projected ? f.projected : f.x) = x.data();
  f.w_ih = projected ? nullptr : wi.data(), f.w_hh = wh.data();
  f.b_ih = projected ? nullptr : b.data(), f.b_hh = b.data();
  f.h0 = h0.data(), f.c0 = c0.data(), f.out = out.data(), f.out_stride = H;
  f.cells = lstm ? cells.data() : nullptr, f.saved = saved_width(cell) ? saved.data() : nullptr;
  f.hn = hn.data(), f.cn = cn.data();
  f.prepared = prepare ? &packed : nullptr;
  forward<T>(s, f);
  auto dout = numbers<T>(N * H), dhn = numbers<T>(batch * H);
  std::vector<T> grads(N * grads_width(cell) * H), dx(N * F), dwi(G * F), dwh(G * H), db1(G), db2(G), dh0(batch * H), dc0(batch * H);
  BackwardCall<T> g{};
  g.x = projected ? nullptr : x.data(), g.w_ih = projected ? nullptr : wi.data(), g.w_hh = wh.data();
  g.h0 = h0.data(), g.c0 = c0.data(), g.out = out.data(), g.out_stride = H, g.cells = f.cells, g.saved = f.saved;
  g.dout = dout.data(), g.dcells = lstm ? dout.data() : nullptr, g.dhn = dhn.data(), g.dcn = dhn.data();
  g.grads = projected ? grads.data() : nullptr;
  g.dx = projected ? nullptr : dx.data(), g.dw_ih = projected ? nullptr : dwi.data(), g.dw_hh = dwh.data();
  g.db_ih = projected ? nullptr : db1.data(), g.db_hh = db2.data(), g.dh0 = dh0.data(), g.dc0 = dc0.data();
  backward<T>(s, g);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  for (const char* name : isas()) {
    if (!use_isa(name)) return 1;
    for (int i = 0; i < rounds; ++i) i % 2 ? once<float>() : once<double>();
    std::printf("%s: %d calls each way\n", name, rounds);
  }
}
