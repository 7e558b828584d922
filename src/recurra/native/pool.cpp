#include "pool.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace recurra {
namespace {

inline void breathe() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Long enough to bridge the gap between two calls of a training step where they follow closely, short
// enough not to be seen by whoever else needs the core.
constexpr std::chrono::microseconds kSpin{40};

struct Pool {
  std::mutex running;  // held by the caller whose job this is
  std::mutex sleep;
  std::condition_variable wake;
  std::atomic<unsigned> job{0};  // counts jobs; a worker looks at each at most once
  std::atomic<bool> open{false};
  std::atomic<int> inside{0};
  std::atomic<int> next{0};
  std::atomic<int> sleeping{0};
  int tasks = 0, threads = 0;
  void (*work)(void*, int, int) = nullptr;
  void* context = nullptr;
  int started = 1;  // the caller is worker 0

  void take(int worker) {
    for (int i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) work(context, i, worker);
  }

  void wait_for_job(unsigned seen) {
    const auto until = std::chrono::steady_clock::now() + kSpin;
    for (;;) {
      for (int i = 0; i < 64; ++i) {
        if (job.load(std::memory_order_acquire) != seen) return;
        breathe();
      }
      if (std::chrono::steady_clock::now() > until) break;
    }
    std::unique_lock<std::mutex> lock(sleep);
    sleeping.fetch_add(1);
    wake.wait(lock, [&] { return job.load() != seen; });
    sleeping.fetch_sub(1);
  }

  void serve(int worker) {
    unsigned seen = 0;
    for (;;) {
      wait_for_job(seen);
      seen = job.load(std::memory_order_acquire);
      // Whoever is counted inside before the job closes may touch it; whoever comes later may not.
      inside.fetch_add(1);
      if (open.load() && worker < threads) take(worker);
      inside.fetch_sub(1);
    }
  }

  void run(int job_tasks, int job_threads, void (*job_work)(void*, int, int), void* job_context) {
    while (started < job_threads) {
      const int worker = started;
      std::thread([this, worker] { serve(worker); }).detach();
      ++started;
    }
    tasks = job_tasks;
    threads = job_threads;
    work = job_work;
    context = job_context;
    next.store(0);
    open.store(true);
    job.fetch_add(1);
    if (sleeping.load() > 0) {
      { std::lock_guard<std::mutex> lock(sleep); }
      wake.notify_all();
    }
    take(0);
    open.store(false);
    for (int spins = 0; inside.load() > 0; ++spins) {
      if (spins < 2000) {
        breathe();
      } else {
        std::this_thread::yield();  // a worker has lost its core: let it finish
      }
    }
  }
};

// Never destroyed: its threads may outlive static destructors. A forked child has none of the threads and
// perhaps a locked mutex, so it begins again in fresh memory.
alignas(Pool) char memory[2][sizeof(Pool)];
std::atomic<Pool*> current{nullptr};
std::mutex making;

void begin_again() {
  new (&making) std::mutex;
  Pool* old = current.load();
  if (!old) return;
  void* fresh = old == reinterpret_cast<Pool*>(memory[0]) ? memory[1] : memory[0];
  current.store(new (fresh) Pool);
}

Pool& pool() {
  if (Pool* p = current.load(std::memory_order_acquire)) return *p;
  std::lock_guard<std::mutex> lock(making);
  if (!current.load()) {
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, begin_again);
#endif
    current.store(new (memory[0]) Pool, std::memory_order_release);
  }
  return *current.load();
}

}  // namespace

void parallel(int tasks, int threads, void (*work)(void*, int, int), void* context) {
  if (threads > kMostThreads) threads = kMostThreads;
  if (threads > tasks) threads = tasks;
  if (threads > 1) {
    Pool& p = pool();
    std::unique_lock<std::mutex> lock(p.running, std::try_to_lock);
    if (lock) return p.run(tasks, threads, work, context);
  }
  for (int i = 0; i < tasks; ++i) work(context, i, 0);
}

}  // namespace recurra
