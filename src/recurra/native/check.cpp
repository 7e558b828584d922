// Runs the kernels over random shapes, every array of exactly the size it must have: under the sanitizers, and on
// processors that are emulated. What each instruction set finds is near what the plain one does.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "flush.h"
#include "pool.h"
#include "stack.h"

using namespace recurra;

namespace {

std::mt19937 random_bits;
int between(int low, int high) { return low + static_cast<int>(random_bits() % static_cast<unsigned>(high - low + 1)); }

template <class T> std::vector<T> numbers(std::size_t n, double scale = 1.0) {
  std::vector<T> v(n);
  for (T& x : v) x = static_cast<T>(scale) * (static_cast<T>(random_bits() % 2001) / T(1000) - T(1));
  return v;
}
// Of the weights that meet a state, so that a step hands on no more than it was given.
template <class T> std::vector<T> weights(std::size_t n, std::int64_t hidden) {
  return numbers<T>(n, 1.0 / std::sqrt(static_cast<double>(hidden)));
}

// What the calls of one round found, and what rounding may change of it, of an array's norm.
struct Found {
  double part;
  std::vector<double> values;
};
std::vector<Found> found;
template <class T> void keep(const std::vector<T>& v, double part = sizeof(T) == 4 ? 1e-5 : 1e-13) {
  found.push_back({part, {v.begin(), v.end()}});
}
bool near(const Found& a, const Found& b) {
  double off = 0.0, size = 0.0;
  if (a.values.size() != b.values.size()) return false;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double x = a.values[i], y = b.values[i];
    if (std::isnan(x) != std::isnan(y) || std::isinf(x) != std::isinf(y)) return false;
    if (!std::isfinite(x)) continue;
    off += (x - y) * (x - y), size += x * x;
  }
  // Of sums that nearly cancel, their terms' rounding is left.
  return std::sqrt(off) <= std::max(a.part, b.part) * (std::sqrt(size) + std::sqrt(static_cast<double>(a.values.size())));
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
  auto x = numbers<T>(N * (projected ? G : F)), wi = numbers<T>(G * F), wh = weights<T>(G * H, H), b = numbers<T>(G);
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
  for (const auto& each : {out, cells, hn, dh0}) keep(each);
  if (lstm) keep(cn), keep(dc0);
  for (const auto& each : {dwh, db2}) keep(each, sizeof(T) == 4 ? 1e-4 : 1e-12);  // sums over all steps
  if (!projected) keep(dx), keep(dwi, sizeof(T) == 4 ? 1e-4 : 1e-12);
}

std::vector<float> widened(const std::vector<Bfloat>& v) {
  std::vector<float> w(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const std::uint32_t bits = std::uint32_t{v[i].bits} << 16;
    std::memcpy(&w[i], &bits, sizeof bits);
  }
  return w;
}

// The same with products in bfloat16 where this set has them, else with the same numbers as float32.
void narrow_once() {
  const int cell = between(0, 3), batch = between(1, 40), most = between(1, 9), threads = between(1, 4);
  const std::int64_t F = between(1, 70), H = between(1, 90), G = gates(cell) * H;
  std::vector<std::int64_t> lengths(batch);
  std::int64_t N = 0;
  for (auto& l : lengths) N += l = between(0, most);
  std::vector<std::uint8_t> resets(N);
  for (auto& r : resets) r = between(0, 4) == 0;
  const Shape s{cell, kRagged, batch, N, F, H, lengths.data(), between(0, 1) ? resets.data() : nullptr, between(0, 1) == 1, threads};
  const auto halves = [](std::size_t n) {
    std::vector<Bfloat> v(n);
    for (Bfloat& x : v) x.bits = static_cast<std::uint16_t>(0x3E00 + random_bits() % 0x180 + (random_bits() % 2 << 15));
    return v;
  };
  const bool lstm = cell == kLstm, trained = between(0, 3) > 0, narrow = isa().bfloat != nullptr;
  auto x = halves(N * F), out = halves(N * H), saved = halves(N * saved_width(cell) * H), dout = halves(N * H), dx = halves(N * F);
  auto wx = widened(x), wout = widened(out), wsaved = widened(saved), wdout = widened(dout), wdx = widened(dx);
  auto wi = numbers<float>(G * F), wh = weights<float>(G * H, H), b = numbers<float>(G), h0 = numbers<float>(batch * H), c0 = h0, hn = h0, cn = h0;
  auto cells = numbers<float>(lstm ? N * H : 0);
  const bool saves = trained && saved_width(cell);
  ForwardCall<float> f{};
  if (narrow) {
    f.bfloat_x = x.data(), f.bfloat_out = out.data(), f.bfloat_saved = saves ? saved.data() : nullptr;
  } else {
    f.x = wx.data(), f.out = wout.data(), f.out_stride = H, f.saved = saves ? wsaved.data() : nullptr;
  }
  f.w_ih = wi.data(), f.w_hh = wh.data(), f.b_ih = f.b_hh = between(0, 1) ? b.data() : nullptr;
  f.h0 = h0.data(), f.c0 = c0.data(), f.cells = lstm && trained ? cells.data() : nullptr, f.hn = hn.data(), f.cn = cn.data();
  forward<float>(s, f);
  constexpr double kPart = 1.0 / 32;  // of numbers of 8 bits, as in the tests
  keep(narrow ? widened(out) : wout, kPart), keep(hn, kPart), keep(cn, kPart);
  if (!trained) return;
  std::vector<float> dwi(G * F), dwh(G * H), db1(G), db2(G), dh0(batch * H), dc0(batch * H);
  BackwardCall<float> g{};
  const bool slopes = between(0, 1), wants = between(0, 1);
  if (narrow) {
    g.bfloat_x = x.data(), g.bfloat_out = out.data(), g.bfloat_saved = saved.data();
    g.bfloat_dout = slopes ? dout.data() : nullptr, g.bfloat_dx = wants ? dx.data() : nullptr;
  } else {
    g.x = wx.data(), g.out = wout.data(), g.out_stride = H, g.saved = wsaved.data();
    g.dout = slopes ? wdout.data() : nullptr, g.dx = wants ? wdx.data() : nullptr;
  }
  g.w_ih = wi.data(), g.w_hh = wh.data(), g.h0 = h0.data(), g.c0 = c0.data(), g.cells = f.cells;
  g.dhn = hn.data(), g.dcn = cn.data();
  g.dw_ih = dwi.data(), g.dw_hh = between(0, 1) ? dwh.data() : nullptr, g.db_ih = db1.data(), g.db_hh = db2.data();
  g.dh0 = dh0.data(), g.dc0 = dc0.data();
  backward<float>(s, g);
  if (cell == kRnnRelu) return;  // its gradients jump
  for (const auto& each : {dwi, dwh, db1, db2, dh0, dc0, narrow ? widened(dx) : wdx}) keep(each, kPart);
}

// exp, the logistic function and tanh, odd numbers among theirs, beside the C library's; in units in the last place.
template <class T> void curves() {
  auto x = numbers<T>(between(1, 60), between(0, 1) ? 10.0 : sizeof(T) == 4 ? 110.0 : 800.0);
  for (T odd : {T(0), std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()})
    x[between(0, static_cast<int>(x.size()) - 1)] = odd;
  std::vector<T> y(x.size());
  for (int which = 0; which < 3; ++which) {
    kernels<T>(isa()).curve(which, x.data(), y.data(), static_cast<long>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const long double v = x[i], exact = which == 0 ? std::exp(v) : which == 1 ? 1 / (1 + std::exp(-v)) : std::tanh(v);
      if (std::isnan(v) && std::isnan(y[i])) continue;
      if (static_cast<T>(exact) == y[i]) continue;
      const long double unit = std::max<long double>(std::abs(exact) * std::numeric_limits<T>::epsilon(), std::numeric_limits<T>::min());
      if (!(std::abs(exact - y[i]) <= 2 * unit)) std::printf("curve %d of %.9Lg: %.9g\n", which, v, double(y[i])), std::abort();
    }
  }
}

// Numbers too small to be normal are zero while one lives, and are there again after it.
void flushing() {
  volatile float small = FLT_MIN, half = 0.5f;
  {
    Flushed flushed;
    if (small * half != 0.f) std::abort();
  }
  if (small * half == 0.f) std::abort();
}

std::vector<std::int64_t> row_numbers(std::int64_t n, std::int64_t below) {
  std::vector<std::int64_t> rows(n);
  for (auto& r : rows) r = between(0, static_cast<int>(below) - 1);
  return rows;
}

// Steps in place by row numbers, and sequences whose inputs are a table's rows, given or projected.
template <class T> void gathered() {
  const int cell = between(0, 3), batch = between(0, 40), threads = between(1, 4);
  const std::int64_t F = between(1, 70), H = between(1, 70), G = gates(cell) * H, V = between(1, 9), S = batch + between(0, 40);
  auto wi = numbers<T>(G * F), wh = weights<T>(G * H, H), b = numbers<T>(G), table = numbers<T>(V * F);
  const Prepared<T> p(cell, F, H, wi.data(), wh.data(), b.data(), b.data(), sizeof(T) == 4 ? static_cast<Kept>(between(0, 2)) : Kept::kWhole);
  std::vector<T> projected(V * G);
  multiply<T>(*p.isa, {table.data(), nullptr, V}, static_cast<int>(F), p.input, static_cast<int>(G), p.input_bias, projected.data(), threads);
  std::vector<std::int64_t> rows(S);
  for (std::int64_t i = 0; i < S; ++i) rows[i] = i;
  std::shuffle(rows.begin(), rows.end(), random_bits);
  rows.resize(batch);
  const auto ids = row_numbers(batch, V);
  auto h = numbers<T>(S * H), c = numbers<T>(S * H);
  ForwardCall<T> f{};
  between(0, 1) ? f.x = table.data() : f.projected = projected.data();
  f.x_rows = ids.data(), f.table = V;
  f.h0 = f.out = f.hn = h.data(), f.c0 = f.cn = c.data(), f.out_stride = H;
  f.prepared = &p;
  f.rows = rows.data(), f.streams = S;
  const Shape step{cell, kBatchFirst, batch, 1, F, H, nullptr, nullptr, false, threads};
  forward<T>(step, f);
  keep(projected), keep(h), keep(c);
  for (const std::int64_t wrong : {S, std::int64_t{-1}, batch > 1 ? rows[batch - 1] : S}) {
    if (batch == 0) break;
    const std::int64_t right = rows[0];
    rows[0] = wrong;
    bool refused = false;
    try {
      forward<T>(step, f);
    } catch (const std::invalid_argument&) {
      refused = true;
    }
    if (!refused) std::abort();
    rows[0] = right;
  }
  const auto many = row_numbers(batch * 5, V);
  std::vector<T> out(batch * 5 * H), hn(batch * H), cn(batch * H);
  f.x_rows = many.data(), f.rows = nullptr;
  f.h0 = f.c0 = nullptr, f.out = out.data(), f.hn = hn.data(), f.cn = cn.data();
  forward<T>({cell, kBatchFirst, batch, 5, F, H, nullptr, nullptr, between(0, 1) == 1, threads}, f);
  keep(out), keep(hn);
}

void products() {
  const int K = between(1, 300), O = between(1, between(0, 1) ? 100 : 3000), threads = between(1, 4);
  const std::int64_t V = between(1, 30), N = between(0, between(0, 1) ? 3 : 120);
  auto w = numbers<float>(std::size_t(O) * K), b = numbers<float>(O), x = numbers<float>(V * K);
  const Linear l(w.data(), between(0, 1) ? b.data() : nullptr, O, K, static_cast<Kept>(between(0, 2)));
  const auto rows = row_numbers(N, V);
  const Gathered<float> in{x.data(), rows.data(), N};
  std::vector<float> out(N * O);
  multiply<float>(*l.isa, in, K, l.weights, O, l.bias, out.data(), threads);
  const auto excluded = row_numbers(between(0, std::min(3, O - 1)), O);
  const int k = between(1, std::min<int>(64, O - static_cast<int>(excluded.size())));
  std::vector<float> values(N * k);
  std::vector<std::int64_t> ids(N * k);
  std::vector<double> total(N), likelihood(N);
  logits_of(l, in, {k, excluded.data(), static_cast<std::int64_t>(excluded.size()), values.data(), ids.data(), total.data(), nullptr, nullptr}, threads);
  auto targets = row_numbers(N, O);
  if (N) targets[0] = -1;
  logits_of(l, in, {0, nullptr, 0, nullptr, nullptr, nullptr, targets.data(), likelihood.data()}, threads);
  keep(out), keep(values), keep(total, 1e-5), keep(likelihood, 1e-5);
}

void attention() {
  const std::int64_t B = between(1, 5), S = between(0, 50), D = between(1, 90), E = between(1, 90), R = between(0, 12);
  auto q = numbers<float>(R * D), k = numbers<float>(B * S * D), v = numbers<float>(B * S * E), scores = numbers<float>(R * S);
  const auto lengths = row_numbers(B, S + 1), owners = row_numbers(R, B);
  std::vector<float> context(R * E), weights(R * S);
  const bool given = between(0, 1);
  attend({S, D, E, q.data(), k.data(), given ? scores.data() : nullptr, v.data(), lengths.data(), owners.data(), 0.5f,
          context.data(), weights.data()},
         R, between(1, 4));
  keep(context), keep(weights);
}

void writing() {
  const int cell = between(0, 3), H = between(1, 120), F = between(1, 60), O = between(2, 300), layers = between(1, 3);
  const int wide = gates(cell) * H;
  const bool projected = between(0, 1);
  const Kept as = static_cast<Kept>(between(0, 2));
  std::vector<std::unique_ptr<Prepared<float>>> kept;
  std::vector<std::vector<float>> states;
  std::vector<float> logits = numbers<float>(O), table = numbers<float>(std::size_t(O) * (projected ? wide : F));
  auto w = numbers<float>(std::size_t(O) * H), b = numbers<float>(O);
  const Linear head(w.data(), b.data(), O, H, as);
  Stack stack{{}, &head, projected ? nullptr : table.data(), projected ? table.data() : nullptr, {}, {}, logits.data()};
  for (int l = 0; l < layers; ++l) {
    const int in = l ? H : F;
    auto w_ih = numbers<float>(std::size_t(wide) * in), w_hh = weights<float>(std::size_t(wide) * H, H);
    kept.push_back(std::make_unique<Prepared<float>>(cell, in, H, w_ih.data(), w_hh.data(), nullptr, nullptr, as));
    stack.layers.push_back(kept.back().get());
    states.push_back(numbers<float>(H)), states.push_back(numbers<float>(cell == kLstm ? H : 0));
  }
  for (int l = 0; l < layers; ++l) stack.h.push_back(states[2 * l].data()), stack.c.push_back(states[2 * l + 1].data());
  const std::vector<double> uniform{0.0, 0.3, 0.999};
  std::vector<std::int64_t> tokens(3), excluded{0};
  stack.write(3, uniform.data(), excluded.data(), 1, 0.8, tokens.data(), between(1, 4));
  keep(logits);
  for (const auto& each : states) keep(each);
}

// Jobs of many small tasks from several callers at once, one of whom has the pool and the others none of it.
void jobs() {
  const int callers = between(1, 3), threads = between(2, 5), tasks = between(1, 40);
  std::vector<std::thread> others;
  auto one = [&](int seed) {
    std::vector<int> done(tasks), workers(threads);
    auto work = [&](int task, int worker) { done[task] += seed + task, ++workers[worker]; };
    for (int round = 0; round < 20; ++round) each(tasks, threads, work);
    int sum = 0;
    for (const int w : workers) sum += w;
    if (sum != 20 * tasks) std::abort();
    for (int task = 0; task < tasks; ++task)
      if (done[task] != 20 * (seed + task)) std::abort();
  };
  for (int c = 1; c < callers; ++c) others.emplace_back(one, c);
  one(0);
  for (auto& each : others) each.join();
}

// Large enough to be worth several threads, from two callers at once: the same as alone.
void together() {
  const int K = between(200, 400), O = between(1000, 2000), V = between(100, 200);
  auto w = numbers<float>(std::size_t(O) * K), x = numbers<float>(std::size_t(V) * K);
  const Linear l(w.data(), nullptr, O, K, static_cast<Kept>(between(0, 2)));
  std::vector<std::int64_t> rows(V);
  for (int i = 0; i < V; ++i) rows[i] = i;
  std::vector<float> alone(std::size_t(V) * O), first(alone), second(alone);
  auto run = [&](std::vector<float>& out, int threads) {
    multiply<float>(*l.isa, {x.data(), rows.data(), V}, K, l.weights, O, l.bias, out.data(), threads);
  };
  run(alone, 1);
  std::thread other([&] { run(second, 4); });
  run(first, 4);
  other.join();
  if (first != alone || second != alone) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 200;
  const struct {
    const char* name;
    void (*call[2])();
    int every;
  } ways[] = {{"training", {once<double>, once<float>}, 1},
              {"training in bfloat16", {narrow_once, narrow_once}, 1},
              {"steps and gathered inputs", {gathered<double>, gathered<float>}, 1},
              {"products", {products, products}, 1},
              {"attention", {attention, attention}, 1},
              {"writing", {writing, writing}, 1},
              {"curves", {curves<double>, curves<float>}, 1},
              {"jobs", {jobs, jobs}, 1},
              {"two callers", {together, together}, 10}};
  flushing();
  std::vector<const char*> sets = isas();
  std::reverse(sets.begin(), sets.end());  // the plain one first
  for (int i = 0; i < rounds; ++i) {
    for (const auto& way : ways) {
      if (i % way.every) continue;
      std::vector<Found> plain;
      for (const char* name : sets) {
        if (!use_isa(name)) return 1;
        random_bits.seed(static_cast<unsigned>(i + 1));
        found.clear();
        way.call[i % 2]();
        if (name == sets[0]) plain = found;
        if (std::equal(found.begin(), found.end(), plain.begin(), plain.end(), near)) continue;
        std::printf("%s, %s, round %d: not what the plain kernels find\n", name, way.name, i);
        return 1;
      }
    }
  }
  for (const char* name : sets) std::printf("%s ", name);
  std::printf("agree in %d rounds of each call\n", rounds);
}
