// The update as a custom call of XLA, for JAX and TensorFlow.
#ifndef KERASCHED_XLA_HANDLER_H_
#define KERASCHED_XLA_HANDLER_H_

#include <utility>

#include "xla/ffi/api/ffi.h"

namespace kerasched {

// The handler that a framework registers under the name kUpdateTarget.
//
// Operands: learning_rate, weight_decay, loss_scale, iterations, the hyperparameters of
// the rule; then all weights, the slots of the rule, sums and averages as the options
// need them, each for all weights, and the gradients. Scalars are float32 or float64,
// iterations int32 or int64. Results: the weights, slots, sums and averages, each
// aliased to its operand; then, if the options skip steps, a pred: whether this one was
// applied. Attributes: the options, with the name of the rule, and `decays`, one 0 or 1
// for each weight.
//
// If the arrays are shards, there is one operand more: the results of the handler below
// for all shards, added up.
XLA_FFI_DECLARE_HANDLER_SYMBOL(UpdateHandler);

constexpr char kUpdateTarget[] = "kerasched_update";

// The handler under the name kStatisticsTarget, for any update rule. It reads the
// gradients of shards before an update.
//
// Operands: loss_scale, iterations, then all sums if gradients are accumulated, and the
// gradients. Result: a vector of float32 or float64 with the sum of squares of each
// gradient (0 if no norm is clipped), and at last 0, or 1 if a gradient is not finite.
// Attributes: the options that it uses.
XLA_FFI_DECLARE_HANDLER_SYMBOL(GradientStatisticsHandler);

constexpr char kStatisticsTarget[] = "kerasched_gradient_statistics";

// The version of XLA's interface that this is compiled for, as (major, minor).
constexpr int kFfiMajor = XLA_FFI_API_MAJOR;
constexpr int kFfiMinor = XLA_FFI_API_MINOR;

// Returns the version that the last XLA to call the handler offers, even if that XLA
// refused it; (-1, -1) before any call. Registration is a call.
std::pair<int, int> OfferedFfiVersion();

// Registers the handler in a loaded TensorFlow, whose XLA has a registry of its own.
// `library` is the path of its libtensorflow_cc. Returns an empty text, or the reason
// why it failed.
const char* RegisterInTensorFlow(const char* library);

}  // namespace kerasched

#endif  // KERASCHED_XLA_HANDLER_H_
