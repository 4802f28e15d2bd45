// The part of DLPack 1.x that gives the address of a Python tensor's data:
// https://dmlc.github.io/dlpack/latest/c_api.html
#ifndef KERASCHED_DLPACK_H_
#define KERASCHED_DLPACK_H_

#include <cstdint>

namespace kerasched::dlpack {

// The functions are in a capsule, an attribute of the tensor's Python type.
constexpr char kAttribute[] = "__dlpack_c_exchange_api__";
constexpr char kCapsule[] = "dlpack_exchange_api";
constexpr std::uint32_t kMajor = 1;

constexpr std::int32_t kCpu = 1;
constexpr std::uint8_t kFloat = 2, kBFloat = 4;

struct Tensor {
  void* data;
  struct {
    std::int32_t type, id;
  } device;
  std::int32_t dimensions;
  struct {
    std::uint8_t code, bits;
    std::uint16_t lanes;
  } dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // In elements; null for a contiguous tensor before 1.2.
  std::uint64_t byte_offset;
};

// Only `dltensor_from_object` is used: it fills in a tensor that is valid as long as
// the object, and returns 0, or sets a Python error. It is null if a type has none.
struct Functions {
  struct {
    std::uint32_t major, minor;
  } version;
  Functions* previous;
  void (*allocate)();
  void (*export_managed)();
  void (*import_managed)();
  int (*dltensor_from_object)(void* object, Tensor* tensor);
  void (*current_stream)();
};

}  // namespace kerasched::dlpack

#endif  // KERASCHED_DLPACK_H_
