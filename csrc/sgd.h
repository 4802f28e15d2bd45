// The one entry of the update: checks what it is given, cuts it up and runs the loops.
#ifndef KERASCHED_SGD_H_
#define KERASCHED_SGD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "parallel.h"
#include "scalar_types.h"

namespace kerasched {

// What became of a call: an empty text if it was done, else why it was not.
struct Status {
  std::string error;
  bool skipped = false;  // A gradient was not finite, so that nothing was touched.
  bool ok() const { return error.empty(); }
};

// What an optimizer is made with, under the names of keras.optimizers.SGD. A number
// that is 0 leaves its option out.
struct Options {
  bool momentum = false;
  bool nesterov = false;
  bool weight_decay = false;
  bool independent_weight_decay = false;  // Not multiplied by the learning rate.
  double clipvalue = 0;
  double clipnorm = 0;
  double global_clipnorm = 0;
  bool use_ema = false;
  double ema_momentum = 0;
  std::int64_t ema_overwrite_frequency = 0;
  std::int64_t gradient_accumulation_steps = 0;
  bool unscales = false;         // The loss had been multiplied by a number.
  bool skips_nonfinite = false;  // One gradient that is not finite stops the step.
};

// What may differ at each step. `iterations` counts micro-batches, as in Keras.
struct Scalars {
  double learning_rate = 0;
  double momentum = 0;
  double weight_decay = 0;
  double loss_scale = 1;
  std::int64_t iterations = 0;
};

// A weight and what belongs to it: contiguous arrays of one type and size, aligned for
// the type. Those that the options do not need are null.
struct Tensor {
  ScalarType type;
  std::int64_t size;
  bool decays;  // Not excluded from weight decay, if there is one.
  void* weight;
  const void* gradient;
  void* velocity;
  void* sum;
  void* average;
};

// The places in memory that updates of the same tensors write, kept in order so that
// each step has only its gradients to compare with them.
class WrittenBytes {
 public:
  // Takes the places from the tensors, unless two of them overlap.
  Status Set(const std::vector<Tensor>& tensors);
  // Says whether no gradient overlaps one of the places.
  Status CheckGradients(const std::vector<Tensor>& tensors) const;

 private:
  using Bytes = std::pair<std::uintptr_t, std::uintptr_t>;  // First, and past the last.
  static Bytes At(const void* data, const Tensor& tensor);
  std::vector<Bytes> places_;
};

// Does one step on all tensors, in place; of the gradients nothing is written. Where
// something is wrong with what it is given, nothing is touched and the status says
// what. So it is, without an error, where the options have the step skipped.
// Thread-safe on tensors that do not meet.
Status Update(const Options& options, const Scalars& scalars,
              const std::vector<Tensor>& tensors, const Pool& pool);

// Returns the name of the instruction set that an update uses; an empty text, and why
// in `error`, where KERASCHED_ISA names none that runs here.
std::string InstructionSet(std::string* error);

}  // namespace kerasched

#endif  // KERASCHED_SGD_H_
