// A few threads that wait briefly for work, then sleep.
#pragma once
#include "flush.h"

namespace recurra {

// Calls work(context, task, worker) for every task < tasks, on up to `threads` threads, this one included;
// worker < threads tells them apart. Where the pool is busy (another Python thread is in it), everything
// runs on this thread. Safe after fork: the child starts its own threads when it first needs them.
void parallel(int tasks, int threads, void (*work)(void*, int, int), void* context);

constexpr int kMostThreads = 64;

template <class F> void each(int tasks, int threads, F& work) {
  const auto one = [](void* f, int task, int worker) {
    const Flushed small;
    (*static_cast<F*>(f))(task, worker);
  };
  parallel(tasks, threads, one, &work);
}

// How many of the threads offered a call is worth: waking one costs more than small calls take.
inline int worth(double nanoseconds, int threads) {
  if (nanoseconds < 30e3 || threads < 1) return 1;
  return threads < kMostThreads ? threads : kMostThreads;
}

}  // namespace recurra
