// One pass over all tensors, as the update and the pass before it share it.
#ifndef KERASCHED_STEP_H_
#define KERASCHED_STEP_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dispatch.h"
#include "parallel.h"
#include "partition.h"
#include "update.h"
#include "update_loop.h"

namespace kerasched {

// A step with valid arguments, partitioned. It refers to the caller's arguments.
struct Step {
  const Options& options;
  const std::vector<Tensor>& tensors;
  const Loops& loops;
  Pool pool;
  Plan plan;
  std::vector<Chunk> chunks;

  const Tensor& TensorOf(const Chunk& chunk) const {
    return tensors[static_cast<std::size_t>(chunk.tensor)];
  }
};

// Returns the step, or nothing and the reason in `status`. It checks all arguments but
// the arrays of the tensors.
std::optional<Step> MakeStep(const Options& options, const Scalars& scalars,
                             const std::vector<Tensor>& tensors, const Pool& pool,
                             Status& status);

// Fails if an array of a tensor is missing or not aligned. `place` is the index of the
// tensor, and `name` that of the array, for errors.
Status CheckArray(const Tensor& tensor, std::size_t place, const char* name,
                  const void* data);

template <typename T>
Range<T> RangeOf(const Tensor& t, const Chunk& chunk) {
  Range<T> all = {static_cast<T*>(t.weight), static_cast<const T*>(t.gradient), {},
                  static_cast<T*>(t.sum),    static_cast<T*>(t.average),        t.size};
  for (std::size_t i = 0; i < kMaxSlots; ++i) {
    all.slots[i] = static_cast<T*>(t.slots[i]);
  }
  return all.Part(chunk.start, chunk.count);
}

// Calls function(range) with the chunk's range in the type of its tensor.
template <typename Function>
auto DispatchType(const Tensor& tensor, const Chunk& chunk, Function function) {
  switch (tensor.type) {
    case ScalarType::kFloat64:
      return function(RangeOf<double>(tensor, chunk));
    case ScalarType::kBFloat16:
      return function(RangeOf<BFloat16>(tensor, chunk));
    default:
      return function(RangeOf<float>(tensor, chunk));
  }
}

// Returns function(range) for each chunk.
template <typename Result, typename Function>
std::vector<Result> MapChunks(const Step& step, Function function) {
  std::vector<Result> results(step.chunks.size());
  ForEach(step.pool, static_cast<std::int64_t>(results.size()), [&](std::int64_t i) {
    const Chunk& chunk = step.chunks[static_cast<std::size_t>(i)];
    results[static_cast<std::size_t>(i)] =
        DispatchType(step.TensorOf(chunk), chunk, function);
  });
  return results;
}

}  // namespace kerasched

#endif  // KERASCHED_STEP_H_
