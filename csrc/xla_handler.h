// The update as a custom call of XLA, for JAX and TensorFlow alike.
#ifndef KERASCHED_XLA_HANDLER_H_
#define KERASCHED_XLA_HANDLER_H_

#include <utility>

#include "xla/ffi/api/ffi.h"

namespace kerasched {

// The handler that a framework registers under the name kSgdTarget.
//
// Operands: learning_rate, momentum, weight_decay, loss_scale (scalars, all float32 or
// all float64), iterations (an int32 or int64 scalar), then all weights, all
// velocities, sums and averages as far as the options have them, and last the
// gradients. Results: the weights, velocities, sums and averages, each aliased to its
// operand; then, where the options skip steps, a pred: whether this one was done.
// Attributes: the options, and `decays`, one 0 or 1 for each weight.
XLA_FFI_DECLARE_HANDLER_SYMBOL(SgdHandler);

constexpr char kSgdTarget[] = "kerasched_sgd";

// The version of XLA's interface that this was compiled for, as (major, minor).
constexpr int kFfiMajor = XLA_FFI_API_MAJOR;
constexpr int kFfiMinor = XLA_FFI_API_MINOR;

// The version that the XLA offers which called the handler last, even if it refused it;
// (-1, -1) before any call. Registration is a call.
std::pair<int, int> OfferedFfiVersion();

// Registers the handler in a loaded TensorFlow, whose XLA has a registry of its own.
// `library` is the path of its libtensorflow_cc. Returns an empty text, or why not.
const char* RegisterInTensorFlow(const char* library);

}  // namespace kerasched

#endif  // KERASCHED_XLA_HANDLER_H_
