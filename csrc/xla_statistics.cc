#include <cstddef>
#include <cstdint>
#include <vector>

#include "gradient_statistics.h"
#include "update.h"
#include "xla_buffers.h"
#include "xla_handler.h"

namespace kerasched {
namespace {

constexpr std::size_t kFirst = 2;  // The scalars stand before the arrays.

// Reads the operands: the gradients, and the sums if there are any.
Status ReadTensors(bool accumulates, ffi::RemainingArgs arguments, Scalars& scalars,
                   std::vector<Tensor>& tensors) {
  const std::size_t groups = accumulates ? 2 : 1;
  if (arguments.size() < kFirst || (arguments.size() - kFirst) % groups != 0) {
    return {"the number of operands does not match the options"};
  }
  const auto argument = [&](std::size_t i) {
    return arguments.get<ffi::AnyBuffer>(i).value();
  };
  if (!ReadReal(argument(0), scalars.loss_scale) ||
      !ReadInteger(argument(1), scalars.iterations)) {
    return {"a scalar has a wrong type or shape"};
  }
  const std::size_t count = (arguments.size() - kFirst) / groups;
  tensors.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const ffi::AnyBuffer gradient = argument(arguments.size() - count + i);
    const Status status = ReadGradient(gradient, tensors[i]);
    if (!status.ok()) return status;
    if (!accumulates) continue;
    const ffi::AnyBuffer sum = argument(kFirst + i);
    if (!SameTypeAndSize(sum, gradient)) return Mismatch();
    tensors[i].sum = sum.untyped_data();
  }
  return {};
}

ffi::Error Statistics(const Pool& pool, double clipnorm, double global_clipnorm,
                      std::int64_t gradient_accumulation_steps, bool unscales,
                      bool skips_nonfinite, ffi::RemainingArgs arguments,
                      ffi::RemainingRets results) {
  Options options;
  options.clipnorm = clipnorm;
  options.global_clipnorm = global_clipnorm;
  options.gradient_accumulation_steps = gradient_accumulation_steps;
  options.unscales = unscales;
  options.skips_nonfinite = skips_nonfinite;
  return ErrorOf(kStatisticsTarget, [&]() -> Status {
    Scalars scalars;
    std::vector<Tensor> tensors;
    const bool accumulates = gradient_accumulation_steps > 1;
    Status status = ReadTensors(accumulates, arguments, scalars, tensors);
    if (!status.ok()) return status;
    GradientStatistics statistics;
    status = ReadGradients(options, scalars, tensors, pool, statistics);
    if (!status.ok()) return status;
    if (results.size() != 1 ||
        !WriteStatistics(statistics, tensors.size(),
                         *results.get<ffi::AnyBuffer>(0).value())) {
      return {"the result must have a real number for each tensor and one more"};
    }
    return {};
  });
}

}  // namespace

extern "C" XLA_FFI_Error* GradientStatisticsHandler(XLA_FFI_CallFrame* call) {
  XLA_FFI_DEFINE_HANDLER(handler, Statistics,
                         ffi::Ffi::Bind()
                             .Ctx<XlaThreads>()
                             .Attr<double>("clipnorm")
                             .Attr<double>("global_clipnorm")
                             .Attr<std::int64_t>("gradient_accumulation_steps")
                             .Attr<bool>("unscales")
                             .Attr<bool>("skips_nonfinite")
                             .RemainingArgs()
                             .RemainingRets());
  return (*handler)(call);
}

}  // namespace kerasched
