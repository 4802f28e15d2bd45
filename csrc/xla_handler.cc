#include "xla_handler.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "gradient_statistics.h"
#include "update.h"
#include "xla_buffers.h"

namespace kerasched {
namespace {

// Indices of the scalars among the operands; the arrays follow the hyperparameters.
enum OperandIndex : std::size_t {
  kLearningRate,
  kWeightDecay,
  kLossScale,
  kIterations,
  kFirstHyperparameter
};

// Reads the operands of a call. Where XLA did not alias a result to its operand, the
// operand is copied first, so that the update is always in place.
class Operands {
 public:
  Operands(const Options& options, ffi::RemainingArgs arguments,
           ffi::RemainingRets results)
      : arguments_(arguments),
        results_(results),
        fields_(WrittenFields(options)),
        hyperparameters_(Rules()[options.rule].hyperparameters),
        reports_applied_(options.skips_nonfinite) {}

  Status Read(ffi::Span<const std::int64_t> decays, Scalars& scalars,
              std::vector<Tensor>& tensors) {
    const std::size_t count = decays.size();
    const std::size_t arguments = FirstArray() + count * (fields_.size() + 1);
    has_statistics_ = arguments_.size() == arguments + 1;
    if ((arguments_.size() != arguments && !has_statistics_) ||
        results_.size() != count * fields_.size() + (reports_applied_ ? 1 : 0)) {
      return {"the number of operands or results does not match the options"};
    }
    if (!ReadScalars(scalars)) return {"a scalar has a wrong type or shape"};
    if (reports_applied_ && Last().element_type() != ffi::PRED) {
      return {"the last result must be a pred"};
    }
    tensors.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      Tensor tensor = {};
      tensor.decays = decays[i] != 0;
      const Status status = ReadTensor(i, count, tensor);
      if (!status.ok()) return status;
      tensors.push_back(tensor);
    }
    return {};
  }

  // Reads the statistics of all shards, if they are an operand.
  Status ReadOptionalStatistics(std::size_t count,
                                std::optional<GradientStatistics>& result) const {
    if (!has_statistics_) return {};
    result.emplace();
    if (ReadStatistics(Argument(arguments_.size() - 1), count, *result)) return {};
    return {"the statistics of the gradients have a wrong type or size"};
  }

  // Writes whether the step was applied, if that is a result.
  void ReportApplied(bool applied) const {
    if (reports_applied_) *static_cast<bool*>(Last().untyped_data()) = applied;
  }

 private:
  std::size_t FirstArray() const { return kFirstHyperparameter + hyperparameters_; }

  bool ReadScalars(Scalars& scalars) const {
    for (std::size_t i = 0; i < hyperparameters_; ++i) {
      double& value = scalars.hyperparameters[i];
      if (!ReadReal(Argument(kFirstHyperparameter + i), value)) return false;
    }
    return ReadReal(Argument(kLearningRate), scalars.learning_rate) &&
           ReadReal(Argument(kWeightDecay), scalars.weight_decay) &&
           ReadReal(Argument(kLossScale), scalars.loss_scale) &&
           ReadInteger(Argument(kIterations), scalars.iterations);
  }

  ffi::AnyBuffer Last() const {
    return *results_.get<ffi::AnyBuffer>(results_.size() - 1).value();
  }

  ffi::AnyBuffer Argument(std::size_t i) const {
    return arguments_.get<ffi::AnyBuffer>(i).value();
  }

  Status ReadTensor(std::size_t i, std::size_t count, Tensor& tensor) {
    const std::size_t last = FirstArray() + fields_.size() * count + i;
    const ffi::AnyBuffer gradient = Argument(last);
    const Status status = ReadGradient(gradient, tensor);
    if (!status.ok()) return status;
    for (std::size_t field = 0; field < fields_.size(); ++field) {
      const std::size_t place = field * count + i;
      const ffi::AnyBuffer in = Argument(FirstArray() + place);
      const ffi::AnyBuffer out = *results_.get<ffi::AnyBuffer>(place).value();
      if (!SameTypeAndSize(in, gradient) || !SameTypeAndSize(out, gradient)) {
        return Mismatch();
      }
      if (in.untyped_data() != out.untyped_data() && in.size_bytes() > 0) {
        std::memcpy(out.untyped_data(), in.untyped_data(), in.size_bytes());
      }
      fields_[field].of(tensor) = out.untyped_data();
    }
    return {};
  }

  ffi::RemainingArgs arguments_;
  ffi::RemainingRets results_;
  const std::vector<Field> fields_;
  const std::size_t hyperparameters_;
  const bool reports_applied_;
  bool has_statistics_ = false;
};

ffi::Error UpdateOperands(const Pool& pool, std::string_view rule, bool weight_decay,
                          bool independent_weight_decay, double clipvalue,
                          double clipnorm, double global_clipnorm, bool use_ema,
                          double ema_momentum, std::int64_t ema_overwrite_frequency,
                          std::int64_t gradient_accumulation_steps, bool unscales,
                          bool skips_nonfinite, ffi::Span<const std::int64_t> decays,
                          ffi::RemainingArgs arguments, ffi::RemainingRets results) {
  const Options options = {RuleNamed(rule),
                           weight_decay,
                           independent_weight_decay,
                           clipvalue,
                           clipnorm,
                           global_clipnorm,
                           use_ema,
                           ema_momentum,
                           ema_overwrite_frequency,
                           gradient_accumulation_steps,
                           unscales,
                           skips_nonfinite};
  return ErrorOf(kUpdateTarget, [&]() -> Status {
    if (options.rule == Rules().size()) return {"there is no such rule"};
    Scalars scalars;
    std::vector<Tensor> tensors;
    Operands operands(options, arguments, results);
    Status status = operands.Read(decays, scalars, tensors);
    if (!status.ok()) return status;
    std::optional<GradientStatistics> statistics;
    status = operands.ReadOptionalStatistics(tensors.size(), statistics);
    if (!status.ok()) return status;
    status =
        Update(options, scalars, tensors, pool, statistics ? &*statistics : nullptr);
    if (status.ok()) operands.ReportApplied(!status.skipped);
    return status;
  });
}

// Both numbers in one atomic value, so that they belong to the same call. Aligned as a
// whole, or clang would call a library for atomic access.
struct alignas(2 * sizeof(int)) Version {
  int major = -1;
  int minor = -1;
};
std::atomic<Version> offered{Version{}};

}  // namespace

extern "C" XLA_FFI_Error* UpdateHandler(XLA_FFI_CallFrame* call) {
  // XLA asks a handler for its metadata when it is registered. An older XLA does so
  // without its table of functions.
  if (call->api != nullptr) {
    const XLA_FFI_Api_Version& version = call->api->api_version;
    offered.store({version.major_version, version.minor_version});
  }
  XLA_FFI_DEFINE_HANDLER(handler, UpdateOperands,
                         ffi::Ffi::Bind()
                             .Ctx<XlaThreads>()
                             .Attr<std::string_view>("rule")
                             .Attr<bool>("weight_decay")
                             .Attr<bool>("independent_weight_decay")
                             .Attr<double>("clipvalue")
                             .Attr<double>("clipnorm")
                             .Attr<double>("global_clipnorm")
                             .Attr<bool>("use_ema")
                             .Attr<double>("ema_momentum")
                             .Attr<std::int64_t>("ema_overwrite_frequency")
                             .Attr<std::int64_t>("gradient_accumulation_steps")
                             .Attr<bool>("unscales")
                             .Attr<bool>("skips_nonfinite")
                             .Attr<ffi::Span<const std::int64_t>>("decays")
                             .RemainingArgs()
                             .RemainingRets());
  return (*handler)(call);
}

std::pair<int, int> OfferedFfiVersion() {
  const Version version = offered.load();
  return {version.major, version.minor};
}

const char* RegisterInTensorFlow(const char* library) {
#if defined(_WIN32)
  (void)library;
  return "not on Windows";
#else
  void* handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  if (handle == nullptr) return "TensorFlow's library is not loaded";
  // xla::ffi::GetXlaFfiApi(): an export without a promise, hence the self-test.
  const auto get_api = reinterpret_cast<const XLA_FFI_Api* (*)()>(
      dlsym(handle, "_ZN3xla3ffi12GetXlaFfiApiEv"));
  dlclose(handle);
  if (get_api == nullptr) return "TensorFlow's library does not export XLA's interface";
  XLA_FFI_Error* error =
      ffi::Ffi::RegisterStaticHandler(get_api(), kUpdateTarget, "Host", UpdateHandler);
  return error == nullptr ? "" : "TensorFlow's XLA refused the handler";
#endif
}

}  // namespace kerasched
