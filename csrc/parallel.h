// Runs pieces of work on several threads.
#ifndef KERASCHED_PARALLEL_H_
#define KERASCHED_PARALLEL_H_

#include <cstdint>
#include <functional>
#include <string>

namespace kerasched {

// A pool of threads with another owner: a function that schedules a task, and the
// number of threads. A task may start late or, if the pool is full, after all work is
// done.
struct Pool {
  std::function<void(std::function<void()>)> schedule;
  std::int64_t threads = 1;
};

// Runs work(0) .. work(count - 1), each once, on the calling thread and on helpers from
// the pool, and returns when all are done. It waits for pieces that have started, never
// for a helper to start: a busy pool slows it down but cannot block it.
void ForEach(const Pool& pool, std::int64_t count,
             const std::function<void(std::int64_t)>& work);

// Returns the number of threads to use: KERASCHED_NUM_THREADS if it is set, else
// `available`, at least one. Returns 0 and sets `error` if the variable is not a
// positive number, or far too large.
std::int64_t ThreadLimit(std::int64_t available, std::string* error);

// Returns the pool of this process, for calls without one. It is created at first use,
// and again in a child after a fork. It has a helper for each core but the caller's, or
// KERASCHED_NUM_THREADS - 1.
Pool PrivatePool();

}  // namespace kerasched

#endif  // KERASCHED_PARALLEL_H_
