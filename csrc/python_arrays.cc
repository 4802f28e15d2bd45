#include "python_arrays.h"

#include "dlpack.h"

namespace py = pybind11;

namespace kerasched {
namespace {

// Inspects tensors of one Python type by DLPack, in a single call for each tensor. For
// a model of many small weights the inspection takes most of an update.
class TensorInspector {
 public:
  // Returns whether the tensor could be inspected; leaves no Python error set.
  bool Inspect(PyObject* tensor, dlpack::Tensor& found) {
    if (Py_TYPE(tensor) != type_) SetType(Py_TYPE(tensor));
    if (inspect_ == nullptr) return false;
    if (inspect_(tensor, &found) == 0) return true;
    PyErr_Clear();
    return false;
  }

 private:
  void SetType(PyTypeObject* type) {
    Py_INCREF(type);  // So that no other type can get its address.
    Py_XDECREF(type_);
    type_ = type;
    inspect_ = nullptr;
    PyObject* capsule =
        PyObject_GetAttrString(reinterpret_cast<PyObject*>(type), dlpack::kAttribute);
    const auto* functions = capsule == nullptr
                                ? nullptr
                                : static_cast<const dlpack::Functions*>(
                                      PyCapsule_GetPointer(capsule, dlpack::kCapsule));
    if (functions != nullptr && functions->version.major == dlpack::kMajor) {
      inspect_ = functions->dltensor_from_object;
    }
    PyErr_Clear();
    Py_XDECREF(capsule);
  }

  PyTypeObject* type_ = nullptr;
  int (*inspect_)(void*, dlpack::Tensor*) = nullptr;
};

// Used under the GIL only.
TensorInspector inspector;

// Calls a method without arguments. `method` caches the method of the first object's
// class; for an object of another class the call raises TypeError.
PyObject* Call(PyObject*& method, const char* name, PyObject* object) {
  if (method == nullptr) {
    method = PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), name);
    if (method == nullptr) throw py::error_already_set();
  }
  return PyObject_CallOneArg(method, object);
}

std::uintptr_t Address(const dlpack::Tensor& tensor) {
  return reinterpret_cast<std::uintptr_t>(tensor.data) + tensor.byte_offset;
}

bool SameType(const dlpack::Tensor& tensor, ScalarType type) {
  const bool half = type == ScalarType::kBFloat16;
  return tensor.dtype.code == (half ? dlpack::kBFloat : dlpack::kFloat) &&
         tensor.dtype.bits == 8 * BytesOf(type) && tensor.dtype.lanes == 1;
}

bool SameShape(const dlpack::Tensor& tensor, PyObject* shape) {
  if (PyTuple_GET_SIZE(shape) != tensor.dimensions) return false;
  for (std::int32_t i = 0; i < tensor.dimensions; ++i) {
    if (PyLong_AsLongLong(PyTuple_GET_ITEM(shape, i)) != tensor.shape[i]) return false;
  }
  return true;
}

// Returns whether the tensor is contiguous; a dimension of one may have any stride.
bool Contiguous(const dlpack::Tensor& tensor) {
  if (tensor.strides == nullptr) return true;
  std::int64_t expected = 1;
  for (std::int32_t i = tensor.dimensions - 1; i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

std::int64_t SizeOf(const dlpack::Tensor& tensor) {
  std::int64_t size = 1;
  for (std::int32_t i = 0; i < tensor.dimensions; ++i) size *= tensor.shape[i];
  return size;
}

bool IsDense(const dlpack::Tensor& tensor, ScalarType type) {
  return tensor.device.type == dlpack::kCpu && SameType(tensor, type) &&
         Contiguous(tensor);
}

// The same for a tensor whose type does not offer DLPack, attribute by attribute.
bool IsDense(PyObject* tensor, PyObject* dtype) {
  static PyObject* is_contiguous = nullptr;
  const auto get = [tensor](const char* name) {
    return PyObject_GetAttrString(tensor, name);
  };
  if (Reference(get("dtype")).get() != dtype) return false;
  if (Reference(get("is_cpu")).get() != Py_True) return false;
  return Reference(Call(is_contiguous, "is_contiguous", tensor)).get() == Py_True;
}

}  // namespace

std::uintptr_t AddressOf(PyObject* array) {
  static PyObject* data_ptr = nullptr;
  dlpack::Tensor tensor;
  if (PyLong_Check(array)) return py::handle(array).cast<std::uintptr_t>();
  if (inspector.Inspect(array, tensor)) {
    return Address(tensor);
  }
  const Reference address(Call(data_ptr, "data_ptr", array));
  const auto number = PyLong_AsUnsignedLongLong(address.get());
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return static_cast<std::uintptr_t>(number);
}

bool IsLike(PyObject* tensor, PyObject* dtype, PyObject* shape, const Tensor& weight) {
  dlpack::Tensor found;
  if (!inspector.Inspect(tensor, found)) {
    const Reference its_shape(PyObject_GetAttrString(tensor, "shape"));
    const int equal = PyObject_RichCompareBool(its_shape.get(), shape, Py_EQ);
    if (equal < 0) throw py::error_already_set();
    return equal != 0 && IsDense(tensor, dtype);
  }
  return IsDense(found, weight.type) && SameShape(found, shape);
}

bool IsStillAt(PyObject* tensor, std::uintptr_t address, PyObject* dtype,
               const Tensor& weight) {
  dlpack::Tensor found;
  if (!inspector.Inspect(tensor, found)) {
    static PyObject* numel = nullptr;
    return IsDense(tensor, dtype) && AddressOf(tensor) == address &&
           PyLong_AsLongLong(Reference(Call(numel, "numel", tensor)).get()) ==
               weight.size;
  }
  return Address(found) == address && IsDense(found, weight.type) &&
         SizeOf(found) == weight.size;
}

bool StillHolds(PyObject* variable, PyObject* tensor, bool is_weight) {
  static PyObject* const kValue = PyUnicode_InternFromString("_value");
  static PyObject* const kConstraint = PyUnicode_InternFromString("_constraint");
  static PyObject* const kOverwritten =
      PyUnicode_InternFromString("_overwrite_with_gradient");
  // The object's own dictionary: half of the time of a lookup through its class.
  const Reference attributes(PyObject_GenericGetDict(variable, nullptr));
  const auto is = [&](PyObject* name, PyObject* wanted) {
    PyObject* const found = PyDict_GetItemWithError(attributes.get(), name);
    if (found == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
    return found == wanted;
  };
  if (!is(kValue, tensor)) return false;
  return !is_weight || (is(kConstraint, Py_None) && is(kOverwritten, Py_False));
}

}  // namespace kerasched
