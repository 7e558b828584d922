#include "scan.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "pool.h"
#include "scratch.h"

namespace recurra {
namespace {

struct Rows {
  Layout layout;
  std::int64_t total;    // real steps
  std::int64_t stored;   // rows of a per-step array, padding included
  std::int64_t longest;
  bool even;             // all rows are of one length
};

Rows lay_out(const Shape& s) {
  const int n = static_cast<int>(s.batch);
  auto* order = scratch.take<int>(n);
  auto* length = scratch.take<std::int64_t>(n);
  auto* row = scratch.take<std::int64_t>(n);
  Rows r{};
  r.even = true;
  std::iota(order, order + n, 0);
  const bool padded = s.kind <= kTimeFirst;
  for (int b = 0; b < n; ++b) {
    length[b] = s.lengths ? s.lengths[b] : s.steps;
    if (length[b] < 0 || (padded && length[b] > s.steps))
      throw std::invalid_argument("lengths: a row is longer than the steps given, or of negative length");
    if (s.kind == kPacked && b > 0 && length[b] > length[b - 1])
      throw std::invalid_argument("lengths: packed rows come by falling length");
    r.total += length[b];
    r.even = r.even && length[b] == length[0];
    r.longest = std::max(r.longest, length[b]);
  }
  if (!padded && r.total != s.steps)
    throw std::invalid_argument("lengths: their sum is not the number of rows given");
  auto* step = scratch.take<std::int64_t>(r.longest + 1);
  std::int64_t start = 0;
  for (int b = 0; b < n; ++b) {
    row[b] = s.kind == kBatchFirst ? b * s.steps : s.kind == kRagged ? start : b;
    start += length[b];
  }
  std::int64_t alive = n, at = 0;
  for (std::int64_t t = 0; t < r.longest; ++t) {
    if (s.kind == kPacked) {
      while (alive && length[alive - 1] <= t) --alive;
      step[t] = at;
      at += alive;
    } else {
      step[t] = s.kind == kTimeFirst ? t * s.batch : t;
    }
  }
  r.stored = padded ? s.batch * s.steps : r.total;
  if (!r.even) {
    std::stable_sort(order, order + n, [&](int a, int b) { return length[a] > length[b]; });
    auto* sorted = scratch.take<std::int64_t>(n);
    for (int i = 0; i < n; ++i) sorted[i] = length[order[i]];
    length = sorted;
  }
  r.layout = {n, order, length, row, step, s.resets, s.reverse};
  return r;
}

// Padded steps read as zero.
template <class T> void clear_padding(const Rows& r, const Shape& s, T* rows, std::int64_t width, std::int64_t stride) {
  if (!rows || r.total == r.stored) return;
  for (int i = 0; i < r.layout.batch; ++i) {
    const int b = r.layout.order[i];
    for (std::int64_t t = r.layout.length[i]; t < s.steps; ++t) {
      const std::int64_t at = s.kind == kTimeFirst ? t * s.batch + b : b * s.steps + t;
      std::memset(static_cast<void*>(rows + at * stride), 0, static_cast<std::size_t>(width) * sizeof(T));
    }
  }
}

// A part of the batch for each task. Rows of falling length are dealt out in turn, so that parts weigh the same.
struct Parts {
  int count, batch;
  bool dealt;
  int first(int i) const { return dealt ? i : static_cast<int>(static_cast<std::int64_t>(batch) * i / count); }
  int step() const { return dealt ? count : 1; }
  int rows(int i) const {
    if (dealt) return (batch - i + count - 1) / count;
    return static_cast<int>(static_cast<std::int64_t>(batch) * (i + 1) / count) - first(i);
  }
};

template <class T> Parts share(const Rows& r, const Shape& s, int threads, bool bfloat) {
  const std::int64_t weights = s.hidden * s.hidden * gates(s.cell) * static_cast<std::int64_t>(sizeof(T));
  // Small weights stay in the first caches whatever we do; the rows should, too. Large ones are read once a
  // step and part, so parts are large; and so are those that tiles work on.
  const int most = weights <= 256 << 10 && !bfloat ? 24 : 96;
  int parts = std::max<int>(threads, static_cast<int>((s.batch + most - 1) / most));
  parts = (parts + threads - 1) / threads * threads;
  return {std::max(1, std::min<int>(parts, r.layout.batch)), r.layout.batch, !r.even};
}

// Runs `work` over the parts; each worker has a room of its own, as large as its parts' rows may need.
template <class Room, class Work> void over(const Parts& parts, int threads, Room room, Work work) {
  const std::size_t most = std::max(room(parts.rows(0)), room(parts.rows(parts.count - 1)));
  const std::size_t apart = (most + 63) / 64 * 64;
  char* rooms = scratch.take<char>(apart * threads);
  auto part = [&](int i, int worker) {
    work(parts.first(i), parts.step(), parts.rows(i), rooms + apart * worker);
  };
  each(parts.count, threads, part);
}

bool within(const std::int64_t* rows, std::int64_t n, std::int64_t below) {
  for (std::int64_t i = 0; i < n; ++i)
    if (rows[i] < 0 || rows[i] >= below) return false;
  return true;
}

// Whether rows that are written to are all different. Few are compared with each other, many are marked.
bool distinct(const std::int64_t* rows, std::int64_t n, std::int64_t below) {
  if (n <= 16) {
    for (std::int64_t i = 1; i < n; ++i)
      if (std::find(rows, rows + i, rows[i]) != rows + i) return false;
    return true;
  }
  const std::size_t words = static_cast<std::size_t>(below / 64 + 1);
  auto* marks = scratch.take<std::uint64_t>(words);
  std::fill(marks, marks + words, 0);
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint64_t bit = std::uint64_t{1} << (rows[i] % 64);
    if (marks[rows[i] / 64] & bit) return false;
    marks[rows[i] / 64] |= bit;
  }
  return true;
}

template <class T> void check_rows(const Shape& s, const ForwardCall<T>& c, const Rows& r) {
  if (c.rows && (!within(c.rows, s.batch, c.streams) || !distinct(c.rows, s.batch, c.streams)))
    throw std::invalid_argument("rows: out of range, or one of them twice");
  if (!c.x_rows) return;
  for (int i = 0; i < r.layout.batch; ++i) {
    const std::int64_t row = r.layout.row_offset[r.layout.order[i]];
    for (std::int64_t t = 0; t < r.layout.length[i]; ++t)
      if (!within(c.x_rows + row + r.layout.step_offset[t], 1, c.table))
        throw std::invalid_argument("x_rows: a row number out of range");
  }
}

// A kernel as it is, or with products in bfloat16, which only single precision has.
template <class F, class G> F which(F plain, const BfloatKernels* bfloat, G BfloatKernels::* there) {
  if constexpr (std::is_same_v<F, G>)
    if (bfloat) return bfloat->*there;
  return plain;
}

double cost(const Shape& s, const Rows& r, bool projects) {
  const double width = static_cast<double>(s.hidden) * gates(s.cell);
  const double products = 2.0 * width * (s.hidden + (projects ? s.features : 0)) / 60.0;
  return static_cast<double>(r.total) * (products + width * 0.5 + 20.0);
}

}  // namespace

template <class T> void forward(const Shape& s, const ForwardCall<T>& c) {
  Scratching use;
  const Kernels<T>& k = kernels<T>(c.prepared ? *c.prepared->isa : isa());
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features), wide = gates(s.cell) * H;
  const Rows r = lay_out(s);
  check_rows(s, c, r);
  clear_padding(r, s, c.out, H, c.out_stride);
  clear_padding(r, s, c.cells, H, H);
  if (s.batch == 0) return;
  const BfloatKernels* bfloat = c.bfloat_out && !c.prepared ? isa().bfloat : nullptr;
  clear_padding(r, s, c.bfloat_out, H, H);

  Forward<T> f{};
  f.layout = r.layout;
  f.features = F;
  f.hidden = H;
  f.x = c.x;
  f.projected = c.projected;
  f.x_rows = c.x_rows;
  f.rows = c.rows;
  if (c.prepared) {
    f.input = c.prepared->input;
    f.weights = c.prepared->weights;
    f.input_bias = c.prepared->input_bias;
    f.hidden_bias = c.prepared->hidden_bias;
  } else if (bfloat) {
    if constexpr (sizeof(T) == sizeof(float)) {
      Pair* weights = scratch.take<Pair>(bfloat->packed_size(H, wide));
      Pair* input = scratch.take<Pair>(bfloat->packed_size(F, wide));
      bfloat->pack(c.w_hh, 1, H, 0, H, wide, weights);
      bfloat->pack(c.w_ih, 1, F, 0, F, wide, input);
      f.weights = weights, f.input = input;
      f.input_bias = c.b_ih, f.hidden_bias = c.b_hh;
      f.bfloat_x = c.bfloat_x, f.bfloat_out = c.bfloat_out, f.bfloat_saved = c.bfloat_saved;
    }
  } else {
    T* weights = scratch.take<T>(k.packed_size(H, wide));
    k.pack(c.w_hh, 1, H, 0, H, H, wide, weights);
    f.weights = weights;
    if (c.x) {
      T* input = scratch.take<T>(k.packed_size(F, wide));
      k.pack(c.w_ih, 1, F, 0, F, F, wide, input);
      f.input = input;
    }
    f.input_bias = c.b_ih;
    f.hidden_bias = c.b_hh;
  }
  f.h0 = c.h0, f.c0 = c.c0;
  f.out = c.out, f.out_stride = c.out_stride;
  f.cells = c.cells, f.saved = c.saved, f.hn = c.hn, f.cn = c.cn;

  const int threads = worth(cost(s, r, c.x != nullptr), s.threads);
  const auto room_of = which(k.forward_room, bfloat, &BfloatKernels::forward_room);
  const auto run = which(k.forward, bfloat, &BfloatKernels::forward);
  over(share<T>(r, s, threads, bfloat), threads, [&](int rows) { return room_of(f, s.cell, rows); },
       [&](int first, int step, int rows, char* room) { run(f, s.cell, first, step, rows, room); });
}

// The rows of the three matrices that the weight gradients are products of, in the order they are stored.
template <class T> struct Factors {
  const T **grads, **x, **h;
  std::int64_t count = 0;

  // grads_, x_ or null, h0 or null, and out are rows of numbers, those of out `out_stride` apart.
  Factors(const Shape& s, const Rows& r, const T* grads_, const T* x_, const T* h0, const T* out, std::ptrdiff_t out_stride) {
    const Layout& l = r.layout;
    const std::int64_t width = grads_width(s.cell) * s.hidden, H = s.hidden;
    grads = scratch.take<const T*>(r.total);
    x = scratch.take<const T*>(r.total);
    h = scratch.take<const T*>(r.total);
    T* zero = scratch.take<T>(H);
    std::memset(static_cast<void*>(zero), 0, sizeof(T) * H);
    for (int i = 0; i < l.batch; ++i) {
      const std::int64_t b = l.order[i], row = l.row_offset[b], steps = l.length[i];
      const T* before = h0 ? h0 + b * H : zero;
      for (std::int64_t t = 0; t < steps; ++t) {
        const std::int64_t at = row + l.step_offset[l.reverse ? steps - 1 - t : t];
        grads[count] = grads_ + at * width;
        x[count] = x_ ? x_ + at * s.features : nullptr;
        h[count++] = l.resets && l.resets[at] ? zero : before;
        before = out + at * out_stride;
      }
    }
  }
};

// Narrow layers: both gradients and the biases' in one product, of [x, h, 1].
template <class T>
void narrow_gradients(const Shape& s, const BackwardCall<T>& c, const Factors<T>& p, const Kernels<T>& k) {
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features), n = F + H + 1;
  const int m = grads_width(s.cell) * H, wide = gates(s.cell) * H;
  T* both = scratch.take<T>(static_cast<std::size_t>(m) * n);
  void* room = scratch.take<char>(k.outer_room());
  for (int m0 = 0; m0 < m; m0 += 192) {
    k.outer({static_cast<long>(p.count), p.grads, m0, std::min(192, m - m0), p.x, p.h, n, H,
             both + static_cast<std::ptrdiff_t>(m0) * n, nullptr},
            room);
  }
  for (int j = 0; j < wide; ++j) {
    const T* of_x = both + static_cast<std::ptrdiff_t>(s.cell == kGru ? H + j : j) * n;
    const T* of_h = both + static_cast<std::ptrdiff_t>(s.cell != kGru ? j : j < 2 * H ? H + j : j - 2 * H) * n;
    if (c.dw_ih) std::memcpy(c.dw_ih + static_cast<std::ptrdiff_t>(j) * F, of_x, sizeof(T) * F);
    if (c.dw_hh) std::memcpy(c.dw_hh + static_cast<std::ptrdiff_t>(j) * H, of_h + F, sizeof(T) * H);
    if (c.db_ih) c.db_ih[j] = of_x[F + H];
    if (c.db_hh) c.db_hh[j] = of_h[F + H];
  }
}

// Shares the columns of both gradients out over threads, in pieces of up to `most` and no less than `grain`:
// run(of x, first column of the rows of gradients, how many, where they go, where their sums go, room).
template <class T, class Run>
void by_columns(const Shape& s, const BackwardCall<T>& c, int threads, int most, std::size_t room, Run run) {
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features), wide = gates(s.cell) * H;
  struct Task {
    bool input;
    int column, row, count;
  };
  std::vector<Task> tasks;
  const int grain = 48;
  int piece = most;
  if (threads > 1) piece = std::min(most, std::max(grain, (wide / threads + grain - 1) / grain * grain));
  const auto add = [&](bool input, int column, int row, int count) {
    for (int m = 0; m < count; m += piece) tasks.push_back({input, column + m, row + m, std::min(piece, count - m)});
  };
  if (c.dw_hh || c.db_hh) {
    if (s.cell == kGru) add(false, H, 0, 2 * H), add(false, 0, 2 * H, H);
    if (s.cell != kGru) add(false, 0, 0, wide);
  }
  if (c.dw_ih || c.db_ih) add(true, s.cell == kGru ? H : 0, 0, wide);
  const std::size_t apart = (room + 63) / 64 * 64;
  char* rooms = scratch.take<char>(apart * threads);
  auto work = [&](int i, int worker) {
    const Task& t = tasks[i];
    T* dw = t.input ? c.dw_ih : c.dw_hh;
    T* db = t.input ? c.db_ih : c.db_hh;
    run(t.input, t.column, t.count, dw ? dw + static_cast<std::ptrdiff_t>(t.row) * (t.input ? F : H) : nullptr,
        db ? db + t.row : nullptr, rooms + apart * worker);
  };
  each(static_cast<int>(tasks.size()), threads, work);
}

template <class T>
void weight_gradients(const Shape& s, const BackwardCall<T>& c, const Rows& r, const Kernels<T>& k, int threads) {
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features);
  const Factors<T> p(s, r, c.grads, c.x, c.h0, c.out, c.out_stride);
  const auto vectors = [&](int n) { return (n + k.lanes - 1) / k.lanes; };
  if (c.x && F + H + 1 <= k.panel &&
      grads_width(s.cell) * vectors(F + H + 1) <= gates(s.cell) * (vectors(F) + vectors(H)))
    return narrow_gradients(s, c, p, k);
  by_columns(s, c, threads, 192, k.outer_room(), [&](bool input, int column, int count, T* dw, T* db, void* room) {
    k.outer({static_cast<long>(p.count), p.grads, column, count, input ? p.x : p.h, nullptr, dw ? input ? F : H : 0, 0, dw, db}, room);
  });
}

void bfloat_weight_gradients(const Shape& s, const BackwardCall<float>& c, const Rows& r, const BfloatKernels& k, int threads) {
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features), most = 512;
  Bfloat* h0 = c.h0 ? scratch.take<Bfloat>(s.batch * H) : nullptr;
  if (h0) k.narrow(s.batch * H, c.h0, h0);
  const Factors<Bfloat> p(s, r, c.bfloat_grads, c.bfloat_x, h0, c.bfloat_out, H);
  const std::size_t room = k.outer_room(std::min(most, gates(s.cell) * H), std::max(F, H));
  by_columns(s, c, threads, most, room, [&](bool input, int column, int count, float* dw, float* db, void* at) {
    k.outer({static_cast<long>(p.count), p.grads, column, count, input ? p.x : p.h, nullptr, dw ? input ? F : H : 0, 0, dw, db}, at);
  });
}

template <class T> void backward(const Shape& s, const BackwardCall<T>& call) {
  Scratching use;
  BackwardCall<T> c = call;
  const Kernels<T>& k = kernels<T>(isa());
  const int H = static_cast<int>(s.hidden), F = static_cast<int>(s.features), wide = gates(s.cell) * H;
  const Rows r = lay_out(s);
  const Layout& l = r.layout;
  const std::int64_t width = grads_width(s.cell) * s.hidden;
  const BfloatKernels* bfloat = c.bfloat_out ? isa().bfloat : nullptr;
  clear_padding(r, s, c.dx, F, F);
  clear_padding(r, s, c.bfloat_dx, F, F);
  if (c.grads) {
    clear_padding(r, s, c.grads, width, width);
  } else if (!bfloat) {
    c.grads = scratch.take<T>(r.stored * width);
  } else if (!c.bfloat_grads) {
    c.bfloat_grads = scratch.take<Bfloat>(r.stored * width);
  }

  Backward<T> f{};
  f.layout = l;
  f.features = F;
  f.hidden = H;
  // GRU's gradients are kept in the order n, r, z for the state, and r, z, n (one place on) for the input.
  if constexpr (sizeof(T) == sizeof(float)) {
    if (bfloat) {
      Pair* weights = scratch.take<Pair>(bfloat->packed_size(wide, H));
      bfloat->pack(c.w_hh, H, 1, s.cell == kGru ? 2 * H : 0, wide, H, weights);
      f.weights = weights;
      if (c.bfloat_dx) {
        Pair* input = scratch.take<Pair>(bfloat->packed_size(wide, F));
        bfloat->pack(c.w_ih, F, 1, 0, wide, F, input);
        f.input = input;
      }
      f.bfloat_out = c.bfloat_out, f.bfloat_saved = c.bfloat_saved;
      f.bfloat_dout = c.bfloat_dout, f.bfloat_grads = c.bfloat_grads, f.bfloat_dx = c.bfloat_dx;
    }
  }
  if (!bfloat) {
    T* weights = scratch.take<T>(k.packed_size(wide, H));
    if (s.cell == kGru) {
      k.pack(c.w_hh + std::ptrdiff_t{2} * H * H, H, 1, 0, H, wide, H, weights);
      k.pack(c.w_hh, H, 1, H, 2 * H, wide, H, weights);
    } else {
      k.pack(c.w_hh, H, 1, 0, wide, wide, H, weights);
    }
    f.weights = weights;
  }
  if (c.dx) {
    T* input = scratch.take<T>(k.packed_size(wide, F));
    k.pack(c.w_ih, F, 1, 0, wide, wide, F, input);
    f.input = input;
  }
  f.h0 = c.h0, f.c0 = c.c0, f.out = c.out, f.cells = c.cells, f.saved = c.saved;
  f.out_stride = c.out_stride;
  f.dout = c.dout, f.dcells = c.dcells, f.dhn = c.dhn, f.dcn = c.dcn;
  f.grads = c.grads, f.dx = c.dx, f.dh0 = c.dh0, f.dc0 = c.dc0;

  const double price = cost(s, r, c.dx != nullptr);
  const int threads = worth(price, s.threads);
  if (s.batch > 0) {
    const auto room_of = which(k.backward_room, bfloat, &BfloatKernels::backward_room);
    const auto run = which(k.backward, bfloat, &BfloatKernels::backward);
    over(share<T>(r, s, threads, bfloat), threads, [&](int rows) { return room_of(f, s.cell, rows); },
         [&](int first, int step, int rows, char* room) { run(f, s.cell, first, step, rows, room); });
  }
  if (!c.dw_ih && !c.dw_hh && !c.db_ih && !c.db_hh) return;
  if constexpr (sizeof(T) == sizeof(float)) {
    if (bfloat) return bfloat_weight_gradients(s, c, r, *bfloat, threads);
  }
  weight_gradients(s, c, r, k, threads);
}

template void forward(const Shape&, const ForwardCall<float>&);
template void forward(const Shape&, const ForwardCall<double>&);
template void backward(const Shape&, const BackwardCall<float>&);
template void backward(const Shape&, const BackwardCall<double>&);

}  // namespace recurra
