// Running pieces of work on several threads.
#ifndef KERASCHED_PARALLEL_H_
#define KERASCHED_PARALLEL_H_

#include <cstdint>
#include <functional>
#include <string>

namespace kerasched {

// A pool of threads that somebody else owns: how to hand it a task, and how many
// threads it has. A task may start late or, if the pool is full, only after the work is
// done.
struct Pool {
  std::function<void(std::function<void()>)> schedule;
  std::int64_t threads = 1;
};

// Runs work(0) .. work(count - 1), each once, on the calling thread and on helpers from
// the pool, and returns when all are done. It waits for pieces that were begun, never
// for a helper that was not: a busy pool slows it down but cannot stop it.
void ForEach(const Pool& pool, std::int64_t count,
             const std::function<void(std::int64_t)>& work);

// The threads to use: KERASCHED_NUM_THREADS where it is set, else `available`, at least
// one. Returns 0 and a text in `error`, always both, where the variable is no positive
// number, or far too large.
std::int64_t ThreadLimit(std::int64_t available, std::string* error);

// The pool of this process for calls that bring none, made when it is first asked for
// and made anew in a child after a fork. It has a helper for each core but the
// caller's, or as many as KERASCHED_NUM_THREADS asks for.
Pool PrivatePool();

}  // namespace kerasched

#endif  // KERASCHED_PARALLEL_H_
