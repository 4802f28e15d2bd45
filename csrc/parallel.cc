#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace kerasched {
namespace {

constexpr long long kMostThreads = 1024;

// Threads that run tasks from one queue until the process ends.
class Workers {
 public:
  // Starts threads until there are `count`, or as many as the system allows.
  void Grow(std::int64_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      for (; count_ < count; ++count_) std::thread([this] { Run(); }).detach();
    } catch (const std::system_error&) {
      // The existing threads do the work.
    }
  }

  void Schedule(std::function<void()> task) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    ready_.notify_one();
  }

 private:
  [[noreturn]] void Run() {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      ready_.wait(lock, [this] { return !tasks_.empty(); });
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  std::int64_t count_ = 0;
};

// Never freed: its threads run until the process ends. After a fork the child has none
// of them, and its mutex may stay locked, so that the child creates another pool.
std::atomic<Workers*> workers{nullptr};

#if !defined(_WIN32)
[[maybe_unused]] const int at_fork =
    pthread_atfork(nullptr, nullptr, [] { workers.store(nullptr); });
#endif

Workers* MakeWorkers() {
  auto made = std::make_unique<Workers>();
  Workers* others = nullptr;
  // Two threads may get here at the same time.
  return workers.compare_exchange_strong(others, made.get()) ? made.release() : others;
}

// Shared by the caller and its helpers; the last of them to finish frees it.
struct Shared {
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::int64_t count = 0;
  // Called only for a piece that was taken, for which the caller waits.
  const std::function<void(std::int64_t)>* work = nullptr;
};

void TakePieces(Shared& shared) {
  for (;;) {
    const std::int64_t i = shared.next.fetch_add(1);
    if (i >= shared.count) return;
    (*shared.work)(i);
    shared.done.fetch_add(1, std::memory_order_release);
  }
}

void Pause() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#endif
}

}  // namespace

void ForEach(const Pool& pool, std::int64_t count,
             const std::function<void(std::int64_t)>& work) {
  const std::int64_t helpers = std::min(pool.threads, count) - 1;
  if (helpers < 1) {
    for (std::int64_t i = 0; i < count; ++i) work(i);
    return;
  }
  const auto shared = std::make_shared<Shared>();
  shared->count = count;
  shared->work = &work;
  try {
    for (std::int64_t i = 0; i < helpers; ++i) {
      pool.schedule([shared] { TakePieces(*shared); });
    }
  } catch (...) {
    // Helpers that did start use the caller's memory, so that it must not return now.
  }
  TakePieces(*shared);
  // Each helper has at most one piece left: spin for about as long as that takes, then
  // yield, as the helper may be waiting for this core.
  for (int spins = 0; shared->done.load(std::memory_order_acquire) < count; ++spins) {
    spins < 10'000 ? Pause() : std::this_thread::yield();
  }
}

std::int64_t ThreadLimit(std::int64_t available, std::string* error) {
  const char* wanted = std::getenv("KERASCHED_NUM_THREADS");
  if (wanted == nullptr || *wanted == '\0') return std::max<std::int64_t>(available, 1);
  char* end = nullptr;
  const long long number = std::strtoll(wanted, &end, 10);
  if (*end == '\0' && number > 0 && number <= kMostThreads) return number;
  *error =
      "Environment variable KERASCHED_NUM_THREADS must be a positive integer of "
      "at most " +
      std::to_string(kMostThreads) +
      ". Received: KERASCHED_NUM_THREADS=" + std::string(wanted);
  return 0;
}

Pool PrivatePool() {
  // Computed once: it takes as long as an update of a hundred small weights.
  static const std::int64_t cores =
      std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
  Workers* mine = workers.load();
  if (mine == nullptr) mine = MakeWorkers();
  std::string error;  // The next call of ThreadLimit returns it.
  mine->Grow(ThreadLimit(cores, &error) - 1);
  return {[mine](std::function<void()> task) { mine->Schedule(std::move(task)); },
          cores};
}

}  // namespace kerasched
