// A few threads that wait briefly for work, then sleep.
#pragma once

namespace recurra {

// Calls work(context, task, worker) for every task < tasks, on up to `threads` threads, this one included;
// worker < threads tells them apart. Where the pool is busy (another Python thread is in it), everything
// runs on this thread. Safe after fork: the child starts its own threads when it first needs them.
void parallel(int tasks, int threads, void (*work)(void*, int, int), void* context);

constexpr int kMostThreads = 64;

}  // namespace recurra
