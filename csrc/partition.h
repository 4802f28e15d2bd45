// Partitions tensors into chunks.
#ifndef KERASCHED_PARTITION_H_
#define KERASCHED_PARTITION_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kerasched {

// A part of a tensor: elements start .. start + count - 1.
struct Chunk {
  std::int64_t tensor;
  std::int64_t start;
  std::int64_t count;
};

// Returns the elements of a chunk, for `total` elements: enough chunks for any number
// of threads, and none so large that one thread works long after the others. 64k
// elements were the fastest of 4k to 1M on two cores (EPYC, November 2026). It depends
// only on `total`, so that sums over chunks are the same for any number of threads.
inline std::int64_t ChunkSize(std::int64_t total) {
  return std::clamp<std::int64_t>(total / 32, 4096, 65536);
}

// Below this number of elements one thread is faster than several.
constexpr std::int64_t kParallelElements = 32768;

// Returns the chunks of tensors of these sizes, in order.
inline std::vector<Chunk> Partition(const std::vector<std::int64_t>& sizes) {
  std::int64_t total = 0;
  for (const std::int64_t size : sizes) total += size;
  const std::int64_t most = ChunkSize(total);
  std::vector<Chunk> chunks;
  chunks.reserve(sizes.size() + static_cast<std::size_t>(total / most));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (std::int64_t start = 0; start < sizes[i]; start += most) {
      const std::int64_t count = std::min(most, sizes[i] - start);
      chunks.push_back({static_cast<std::int64_t>(i), start, count});
    }
  }
  return chunks;
}

}  // namespace kerasched

#endif  // KERASCHED_PARTITION_H_
