#include "inference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "pool.h"
#include "scratch.h"

namespace recurra {
namespace {

constexpr int kRows = 96;     // of a task: their inputs stay in the cache while the weights go by
constexpr int kChunk = 1024;  // columns, about, whose exponentials are summed together

// A grid of tasks: rows by columns, which are cut where there are more threads than groups of rows.
struct Grid {
  int groups, spans;
  std::int64_t rows;
  int pieces;  // what spans are made of
  Grid(std::int64_t rows_, int pieces_, int threads) : rows(rows_), pieces(pieces_) {
    groups = static_cast<int>(std::min<std::int64_t>(rows, std::max<std::int64_t>((rows + kRows - 1) / kRows, 1)));
    // A number of groups that the threads can share evenly, unless rows are few.
    if (threads > 1 && rows >= std::int64_t{16} * threads) groups = (groups + threads - 1) / threads * threads;
    spans = std::max(1, std::min(pieces, threads / std::max(groups, 1)));
  }
  int tasks() const { return groups * spans; }
  std::int64_t row(int group) const { return rows * group / groups; }
  int piece(int span) const { return static_cast<int>(static_cast<std::int64_t>(pieces) * span / spans); }
};

template <class T> double cost(std::int64_t rows, int k, int n) { return static_cast<double>(rows) * k * n / 30.0 * (sizeof(T) / 4); }

template <class T> const T** rows_of(const Gathered<T>& x, int width) {
  auto** at = scratch.take<const T*>(static_cast<std::size_t>(x.count));
  for (std::int64_t i = 0; i < x.count; ++i) at[i] = x.x + (x.rows ? x.rows[i] : i) * width;
  return at;
}

}  // namespace

template <class T> std::size_t packed_bytes(const Isa& isa, int k, int n, Kept kept) {
  if (kept == Kept::kInt8) return (isa.int8->packed_size(k, n) + 63) / 64 * 64;
  const std::size_t bytes =
      kept == Kept::kBfloat ? kernels<T>(isa).packed_size((k + 1) / 2, n) * sizeof(Pair) : kernels<T>(isa).packed_size(k, n) * sizeof(T);
  return (bytes + 63) / 64 * 64;
}

template <class T> Matrix<T> pack_rows(const Isa& isa, const T* weight, int k, int n, Kept kept, void* to) {
  const Kernels<T>& kernel = kernels<T>(isa);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (kept == Kept::kInt8) {
      isa.int8->pack(weight, k, n, to);
      return {to, false, isa.int8};
    }
    if (kept == Kept::kBfloat) {
      auto* whole = static_cast<T*>(aligned(kernel.packed_size(k, n) * sizeof(T)));
      kernel.pack(weight, 1, k, 0, k, k, n, whole);
      isa.inference->narrow(whole, k, n, static_cast<Pair*>(to));
      release(whole);
      return {to, true};
    }
  }
  kernel.pack(weight, 1, k, 0, k, k, n, static_cast<T*>(to));
  return {to};
}

template <class T>
void multiply(const Isa& isa, const Gathered<T>& x, int k, Matrix<T> packed, int n, const T* bias, T* out, int threads) {
  if (x.count == 0) return;
  Scratching use;
  const Kernels<T>& kernel = kernels<T>(isa);
  threads = worth(cost<T>(x.count, k, n), threads);
  const Grid grid(x.count, (n + kernel.panel - 1) / kernel.panel, threads);
  const T** in = rows_of(x, k);
  auto** to = scratch.take<T*>(static_cast<std::size_t>(x.count) * grid.spans);
  auto work = [&](int task, int) {
    const int group = task / grid.spans, span = task % grid.spans;
    const std::int64_t begin = grid.row(group), end = grid.row(group + 1);
    const int first = grid.piece(span) * kernel.panel, last = std::min(grid.piece(span + 1) * kernel.panel, n);
    T** rows = to + x.count * span;
    for (std::int64_t i = begin; i < end; ++i) rows[i] = out + i * n + first;
    kernel.product(static_cast<int>(end - begin), in + begin, k, kernel.columns_from(packed, first, k), last - first,
                   rows + begin, bias ? bias + first : nullptr, false);
  };
  each(grid.tasks(), threads, work);
}

Linear::Linear(const float* weight, const float* bias_, int outputs_, int inputs_, Kept kept)
    : isa(&recurra::isa()), outputs(outputs_), inputs(inputs_) {
  const std::size_t bytes = packed_bytes<float>(*isa, inputs, outputs, kept);
  memory = aligned(bytes + sizeof(float) * static_cast<std::size_t>(outputs));
  weights = pack_rows(*isa, weight, inputs, outputs, kept, memory);
  if (!bias_) return;
  bias = reinterpret_cast<float*>(static_cast<char*>(memory) + bytes);
  std::memcpy(bias, bias_, sizeof(float) * static_cast<std::size_t>(outputs));
}
Linear::~Linear() { release(memory); }

namespace {

// What the spans of a row have found becomes one; a span's ids are all above those of the spans before.
void merge(const Wanted& w, std::int64_t row, int spans, const float* values, const std::int64_t* ids, std::int64_t apart) {
  float* best = w.values + row * w.k;
  std::int64_t* best_ids = w.ids + row * w.k;
  int next[kMostThreads] = {};
  for (int i = 0; i < w.k; ++i) {
    int from = -1;
    for (int s = 0; s < spans; ++s) {
      if (next[s] == w.k || ids[s * apart + next[s]] < 0) continue;
      if (from < 0 || values[s * apart + next[s]] > values[from * apart + next[from]]) from = s;
    }
    best[i] = from < 0 ? -std::numeric_limits<float>::infinity() : values[from * apart + next[from]];
    best_ids[i] = from < 0 ? -1 : ids[from * apart + next[from]++];
  }
}

// Rare: logits of minus infinity or NaN, which no comparison chooses, fill the places left, the lowest ids first.
void fill(const Wanted& w, const std::uint8_t* excluded, std::int64_t row) {
  std::int64_t* ids = w.ids + row * w.k;
  int found = static_cast<int>(std::find(ids, ids + w.k, -1) - ids);
  for (std::int64_t id = 0; found < w.k; ++id)
    if (!(excluded && excluded[id]) && std::find(ids, ids + found, id) == ids + found) ids[found++] = id;
}

}  // namespace

void logits_of(const Linear& l, const Gathered<float>& x, const Wanted& w, int threads) {
  if (x.count == 0) return;
  Scratching use;
  const Kernels<float>& kernel = kernels<float>(*l.isa);
  Head h{l.inputs, l.outputs, std::max(kChunk / kernel.panel, 1) * kernel.panel, l.weights, l.bias, nullptr, w.k};
  if (w.excluded_count) {
    auto* marks = scratch.take<std::uint8_t>(static_cast<std::size_t>(l.outputs));
    std::memset(marks, 0, static_cast<std::size_t>(l.outputs));
    for (std::int64_t i = 0; i < w.excluded_count; ++i) marks[w.excluded[i]] = 1;
    h.excluded = marks;
  }
  threads = worth(cost<float>(x.count, l.inputs, l.outputs), threads);
  const int chunks = (l.outputs + h.chunk - 1) / h.chunk;
  const Grid grid(x.count, chunks, threads);
  const float** in = rows_of(x, l.inputs);
  auto* partial = scratch.take<float>(static_cast<std::size_t>(x.count) * chunks * 2);
  auto* found = scratch.take<float>(static_cast<std::size_t>(x.count));
  const std::int64_t apart = x.count * w.k;
  float* values = w.values;
  std::int64_t* ids = w.ids;
  if (w.k && grid.spans > 1) {
    values = scratch.take<float>(static_cast<std::size_t>(apart) * grid.spans);
    ids = scratch.take<std::int64_t>(static_cast<std::size_t>(apart) * grid.spans);
  }
  const int most = static_cast<int>((x.count + grid.groups - 1) / grid.groups);
  // Few rows take wide tiles, and need more room than some more.
  const auto* inference = l.isa->inference;
  const std::size_t room = (std::max(inference->head_room(h, most), inference->head_room(h, std::min(most, 2))) + 63) / 64 * 64;
  char* rooms = scratch.take<char>(room * static_cast<std::size_t>(threads));
  auto work = [&](int task, int worker) {
    const int group = task / grid.spans, span = task % grid.spans;
    const std::int64_t begin = grid.row(group), end = grid.row(group + 1);
    HeadRows r{};
    r.rows = static_cast<int>(end - begin);
    r.x = in + begin;
    r.first_chunk = grid.piece(span), r.chunks = grid.piece(span + 1) - grid.piece(span);
    r.partial = partial + begin * chunks * 2, r.partial_stride = chunks;
    if (w.k) r.values = values + span * apart + begin * w.k, r.ids = ids + span * apart + begin * w.k;
    if (w.targets) r.targets = w.targets + begin, r.found = found + begin;
    inference->head(h, r, rooms + room * static_cast<std::size_t>(worker));
  };
  each(grid.tasks(), threads, work);

  for (std::int64_t i = 0; i < x.count; ++i) {
    const float* part = partial + i * chunks * 2;
    double high = part[0], sum = 0.0;
    for (int c = 1; c < chunks; ++c) high = std::max(high, static_cast<double>(part[2 * c]));
    for (int c = 0; c < chunks; ++c) sum += part[2 * c + 1] * std::exp(part[2 * c] - high);
    const double total = high + std::log(sum);
    if (w.log_sum_exp) w.log_sum_exp[i] = total;
    if (w.likelihood) w.likelihood[i] = w.targets[i] < 0 ? 0.0 : found[i] - total;
    if (!w.k) continue;
    if (grid.spans > 1) merge(w, i, grid.spans, values + i * w.k, ids + i * w.k, apart);
    if (w.ids[i * w.k + w.k - 1] < 0) fill(w, h.excluded, i);
  }
}

void attend(const Attention& a, std::int64_t rows, int threads) {
  if (rows == 0) return;
  Scratching use;
  const double price = static_cast<double>(rows) * static_cast<double>(a.steps * (a.size + a.width)) / 15.0;
  threads = worth(price, threads);
  const int tasks = static_cast<int>(std::min<std::int64_t>(rows, threads > 1 ? std::int64_t{4} * threads : 1));
  const Inference& kernel = *isa().inference;
  const std::size_t room = (kernel.attend_room(a) + 63) / 64 * 64;
  char* rooms = scratch.take<char>(room * static_cast<std::size_t>(threads));
  auto work = [&](int task, int worker) {
    for (std::int64_t row = rows * task / tasks; row < rows * (task + 1) / tasks; ++row)
      kernel.attend(a, row, rooms + room * static_cast<std::size_t>(worker));
  };
  each(tasks, threads, work);
}

template std::size_t packed_bytes<float>(const Isa&, int, int, Kept);
template std::size_t packed_bytes<double>(const Isa&, int, int, Kept);
template Matrix<float> pack_rows(const Isa&, const float*, int, int, Kept, void*);
template Matrix<double> pack_rows(const Isa&, const double*, int, int, Kept, void*);
template void multiply(const Isa&, const Gathered<float>&, int, Matrix<float>, int, const float*, float*, int);
template void multiply(const Isa&, const Gathered<double>&, int, Matrix<double>, int, const double*, double*, int);

}  // namespace recurra
