// Reads and writes the buffers of XLA, and uses its threads.
#ifndef KERASCHED_XLA_BUFFERS_H_
#define KERASCHED_XLA_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "gradient_statistics.h"
#include "parallel.h"
#include "scalar_types.h"
#include "update.h"
#include "xla/ffi/api/ffi.h"

namespace kerasched {

// A handler's argument that gives the thread pool of the calling XLA.
struct XlaThreads {};

}  // namespace kerasched

// Decodes the threads as a Pool.
//
// XLA inserted a function in the middle of its table without a new version: the table
// of TensorFlow 2.18 is shorter, and has another function in the place of the one that
// returns the number of threads. If the table is shorter than the compiled one, or
// there is no pool, the threads of this process are used.
template <>
struct xla::ffi::CtxDecoding<kerasched::XlaThreads> {
  using Type = kerasched::Pool;

  static std::optional<Type> Decode(const XLA_FFI_Api* api,
                                    XLA_FFI_ExecutionContext* context,
                                    DiagnosticEngine& diagnostic) {
    if (api->struct_size < XLA_FFI_Api_STRUCT_SIZE) return kerasched::PrivatePool();
    const auto pool = CtxDecoding<ThreadPool>::Decode(api, context, diagnostic);
    if (!pool || pool->num_threads() < 1) return kerasched::PrivatePool();
    return kerasched::Pool{[pool = *pool](std::function<void()> task) mutable {
                             pool.Schedule(std::move(task));
                           },
                           pool->num_threads()};
  }
};

namespace kerasched {

namespace ffi = xla::ffi;

inline bool ReadReal(const ffi::AnyBuffer& buffer, double& value) {
  if (buffer.element_count() != 1) return false;
  if (buffer.element_type() == ffi::F32) {
    value = static_cast<double>(*static_cast<const float*>(buffer.untyped_data()));
    return true;
  }
  if (buffer.element_type() == ffi::F64) {
    value = *static_cast<const double*>(buffer.untyped_data());
    return true;
  }
  return false;
}

inline bool ReadInteger(const ffi::AnyBuffer& buffer, std::int64_t& value) {
  if (buffer.element_count() != 1) return false;
  if (buffer.element_type() == ffi::S32) {
    value = *static_cast<const std::int32_t*>(buffer.untyped_data());
    return true;
  }
  if (buffer.element_type() == ffi::S64) {
    value = *static_cast<const std::int64_t*>(buffer.untyped_data());
    return true;
  }
  return false;
}

inline bool ReadType(ffi::DataType type, ScalarType& result) {
  switch (type) {
    case ffi::F32:
      result = ScalarType::kFloat32;
      return true;
    case ffi::F64:
      result = ScalarType::kFloat64;
      return true;
    case ffi::BF16:
      result = ScalarType::kBFloat16;
      return true;
    default:
      return false;
  }
}

inline bool SameTypeAndSize(const ffi::AnyBuffer& a, const ffi::AnyBuffer& b) {
  return a.element_type() == b.element_type() && a.element_count() == b.element_count();
}

// Calls function(), which returns a Status, and returns it for XLA. No exception may
// cross the interface; only running out of memory could throw one.
template <typename Function>
ffi::Error ErrorOf(const char* target, Function function) {
  const auto prefixed = [target](const std::string& what) {
    return std::string(target) + ": " + what;
  };
  try {
    const Status status = function();
    return status.ok() ? ffi::Error::Success()
                       : ffi::Error::InvalidArgument(prefixed(status.error));
  } catch (...) {
    return ffi::Error(ffi::ErrorCode::kResourceExhausted, prefixed("out of memory"));
  }
}

// Reads the type, the size and the gradient of a tensor.
inline Status ReadGradient(const ffi::AnyBuffer& gradient, Tensor& tensor) {
  if (!ReadType(gradient.element_type(), tensor.type)) {
    return {"weights must be float32, float64 or bfloat16"};
  }
  tensor.size = static_cast<std::int64_t>(gradient.element_count());
  tensor.gradient = gradient.untyped_data();
  return {};
}

inline Status Mismatch() { return {"arrays of a weight must have its type and size"}; }

// Statistics are a vector of one type of real numbers: the sum of squares of each
// tensor, and the number of shards with a gradient that is not finite. Added up over
// the shards, such vectors are the statistics of all.
template <typename Real>
void ReadStatisticsOf(const Real* values, std::size_t count,
                      GradientStatistics& result) {
  result.squares.assign(values, values + count);
  result.finite = values[count] == 0;
}

template <typename Real>
void WriteStatisticsOf(const GradientStatistics& statistics, std::size_t count,
                       Real* values) {
  for (std::size_t i = 0; i < count; ++i) {
    const double squares = statistics.squares.empty() ? 0 : statistics.squares[i];
    values[i] = static_cast<Real>(squares);
  }
  values[count] = statistics.finite ? 0 : 1;
}

// Reads the statistics of `count` tensors. Returns false if the buffer does not fit.
inline bool ReadStatistics(const ffi::AnyBuffer& buffer, std::size_t count,
                           GradientStatistics& result) {
  const void* data = buffer.untyped_data();
  if (buffer.element_count() != count + 1) return false;
  if (buffer.element_type() == ffi::F32) {
    ReadStatisticsOf(static_cast<const float*>(data), count, result);
    return true;
  }
  if (buffer.element_type() == ffi::F64) {
    ReadStatisticsOf(static_cast<const double*>(data), count, result);
    return true;
  }
  return false;
}

// Writes the statistics of `count` tensors. Returns false if the buffer does not fit.
inline bool WriteStatistics(const GradientStatistics& statistics, std::size_t count,
                            const ffi::AnyBuffer& buffer) {
  void* data = buffer.untyped_data();
  if (buffer.element_count() != count + 1) return false;
  if (buffer.element_type() == ffi::F32) {
    WriteStatisticsOf(statistics, count, static_cast<float*>(data));
    return true;
  }
  if (buffer.element_type() == ffi::F64) {
    WriteStatisticsOf(statistics, count, static_cast<double*>(data));
    return true;
  }
  return false;
}

}  // namespace kerasched

#endif  // KERASCHED_XLA_BUFFERS_H_
