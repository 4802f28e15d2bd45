// The entry point of the update: checks the arguments, partitions and runs the loops.
#ifndef KERASCHED_UPDATE_H_
#define KERASCHED_UPDATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parallel.h"
#include "rules.h"
#include "scalar_types.h"
#include "scalars.h"

namespace kerasched {

// The result of a call: an empty text, or why it failed.
struct Status {
  std::string error;
  bool skipped = false;  // A gradient was not finite, so that nothing was written.
  bool ok() const { return error.empty(); }
};

// The options of an optimizer, under the names of keras.optimizers.Optimizer. A number
// of 0 turns its option off.
struct Options {
  std::size_t rule = 0;  // Index in AllRules.
  bool weight_decay = false;
  bool independent_weight_decay = false;  // Not multiplied by the learning rate.
  double clipvalue = 0;
  double clipnorm = 0;
  double global_clipnorm = 0;
  bool use_ema = false;
  double ema_momentum = 0;
  std::int64_t ema_overwrite_frequency = 0;
  std::int64_t gradient_accumulation_steps = 0;
  bool unscales = false;         // Gradients are divided by the loss scale.
  bool skips_nonfinite = false;  // A gradient that is not finite skips the step.
};

// A weight, its gradient and its slots: contiguous arrays of one type and size, aligned
// for the type. Pointers that the options do not need are null.
struct Tensor {
  ScalarType type;
  std::int64_t size;
  bool decays;  // Not excluded from weight decay.
  void* weight;
  const void* gradient;
  std::array<void*, kMaxSlots> slots;
  void* sum;
  void* average;
};

// Returns the information on the rules, in the order of AllRules.
const std::vector<RuleInfo>& Rules();
// Returns the index of a rule, or their number if there is none of this name.
std::size_t RuleNamed(std::string_view name);

// An array of a tensor that an update writes, and its name in errors.
struct Field {
  const char* name;
  void*& (*of)(Tensor&);
};

// Returns the arrays that an update with these options writes, in the order in which
// they are passed: the weight, the slots of the rule, the sum and the average.
std::vector<Field> WrittenFields(const Options& options);

struct GradientStatistics;

// The memory that updates of the same tensors write, sorted, so that each step only
// compares its gradients with it.
class WrittenBytes {
 public:
  // Sets the memory of these tensors, unless two arrays overlap.
  Status Set(const std::vector<Tensor>& tensors);
  // Fails if a gradient overlaps the memory.
  Status CheckGradients(const std::vector<Tensor>& tensors) const;

 private:
  using Bytes = std::pair<std::uintptr_t, std::uintptr_t>;  // First, and past the last.
  static Bytes At(const void* data, const Tensor& tensor);
  std::vector<Bytes> ranges_;
};

// Runs one step on all tensors, in place; the gradients are only read. If an argument
// is wrong, or the options skip the step, nothing is written and the status says so.
// Thread-safe on tensors that do not overlap.
//
// `statistics` is null to read the gradients first where the options need that. It is
// given if these tensors are shards: the statistics of all shards together.
Status Update(const Options& options, const Scalars& scalars,
              const std::vector<Tensor>& tensors, const Pool& pool,
              const GradientStatistics* statistics = nullptr);

// Returns the name of the instruction set that an update uses; an empty text, and the
// reason in `error`, if KERASCHED_ISA names none that this processor supports.
std::string InstructionSet(std::string* error);

}  // namespace kerasched

#endif  // KERASCHED_UPDATE_H_
