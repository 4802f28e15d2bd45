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

// Threads that take tasks from one queue for as long as the process lives.
class Workers {
 public:
  // Starts threads until there are `count`, or as many as the system has to give.
  void Grow(std::int64_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      for (; count_ < count; ++count_) std::thread([this] { Run(); }).detach();
    } catch (const std::system_error&) {
      // Those that there are do the work.
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

// Never freed: its threads run until the process ends. A child after a fork has none of
// them, and its mutex may be locked for ever, so it forgets the pool and makes another.
std::atomic<Workers*> workers{nullptr};

#if !defined(_WIN32)
[[maybe_unused]] const int at_fork =
    pthread_atfork(nullptr, nullptr, [] { workers.store(nullptr); });
#endif

Workers* MakeWorkers() {
  auto made = std::make_unique<Workers>();
  Workers* others = nullptr;
  // Two threads may come here at once.
  return workers.compare_exchange_strong(others, made.get()) ? made.release() : others;
}

// What the caller and its helpers share; the last of them to leave frees it.
struct Shared {
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> done{0};
  std::int64_t count = 0;
  // Used only for a piece that was taken, which the caller waits for.
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
    // Those that came are at work on the caller's memory, so it must not leave now.
  }
  TakePieces(*shared);
  // A helper has at most one piece left: spin for about as long as one takes, then let
  // others run, of whom it may be one.
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
  // Asked for once: it takes as long as an update of a hundred small weights.
  static const std::int64_t cores =
      std::max<std::int64_t>(std::thread::hardware_concurrency(), 1);
  Workers* mine = workers.load();
  if (mine == nullptr) mine = MakeWorkers();
  std::string error;  // Told to whoever asks for the limit next.
  mine->Grow(ThreadLimit(cores, &error) - 1);
  return {[mine](std::function<void()> task) { mine->Schedule(std::move(task)); },
          cores};
}

}  // namespace kerasched
