// The entry of the update: checks what it is given, then runs the loop.
#ifndef KERASCHED_SGD_H_
#define KERASCHED_SGD_H_

#include <cstdint>
#include <string>

namespace kerasched {

// What became of a call: an empty text if it was done, else why it was not.
struct Status {
  std::string error;
  bool ok() const { return error.empty(); }
};

// A contiguous array in memory: the numbers' kind, where they are, and how many.
enum class ScalarType { kFloat32, kFloat64 };
struct Array {
  ScalarType type;
  void* data;
  std::int64_t size;
};

// Updates `weight` and `velocity` in place from `gradient`, of which nothing is
// written. All three have the same type and size and do not overlap; where they do not,
// nothing is touched and the status says so. Thread-safe on arrays that do not meet.
Status UpdateMomentum(const Array& weight, const Array& gradient, const Array& velocity,
                      double learning_rate, double momentum);

}  // namespace kerasched

#endif  // KERASCHED_SGD_H_
