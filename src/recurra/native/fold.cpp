#include "fold.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "compiler.h"
#include "pool.h"

namespace recurra {
namespace {

constexpr std::int64_t kAhead = 4;  // elements fetched before they are needed: a table's lie anywhere
constexpr int kLine = 16;           // floats of a cache line

template <bool Greatest> void fold_row(const Fold& f, std::int64_t begin, std::int64_t row) {
  float* const to = f.out + row * f.width;
  const std::int64_t end = begin + f.lengths[row];
  std::fill(to, to + f.width, Greatest ? -std::numeric_limits<float>::infinity() : 0.0f);
  for (std::int64_t i = begin; i < end; ++i) {
    const float* const from = f.values + (f.ids ? f.ids[i] : i) * f.stride;
#if defined(__GNUC__)
    if (f.ids && i + kAhead < end) {
      const float* const next = f.values + f.ids[i + kAhead] * f.stride;
      for (std::int64_t k = 0; k < f.width; k += kLine) prefetch(next + k);
    }
#endif
    for (std::int64_t k = 0; k < f.width; ++k) {
      if (Greatest) {
        to[k] = to[k] < from[k] ? from[k] : to[k];
      } else {
        to[k] += from[k];
      }
    }
  }
}

}  // namespace

void fold(const Fold& f, bool greatest, int threads) {
  std::vector<std::int64_t> starts(static_cast<std::size_t>(f.rows) + 1, 0);
  for (std::int64_t row = 0; row < f.rows; ++row) starts[row + 1] = starts[row] + f.lengths[row];
  const std::int64_t elements = starts[f.rows];
  const int workers = worth(0.3 * static_cast<double>(elements) * static_cast<double>(f.width), threads);
  const int tasks = static_cast<int>(std::min<std::int64_t>(f.rows, workers > 1 ? 4 * workers : 1));
  auto work = [&](int task, int) {
    // As many elements in each task, whole rows of them.
    const auto bound = [&](int k) {
      return std::lower_bound(starts.begin(), starts.end() - 1, elements * k / tasks) - starts.begin();
    };
    const std::int64_t first = task ? bound(task) : 0, last = task + 1 < tasks ? bound(task + 1) : f.rows;
    for (std::int64_t row = first; row < last; ++row)
      greatest ? fold_row<true>(f, starts[row], row) : fold_row<false>(f, starts[row], row);
  };
  if (tasks) each(tasks, workers, work);
}

}  // namespace recurra
