// Inspects Python's tensors, for all weights at every step.
#ifndef KERASCHED_PYTHON_ARRAYS_H_
#define KERASCHED_PYTHON_ARRAYS_H_

#include <pybind11/pybind11.h>

#include <cstdint>

#include "update.h"

namespace kerasched {

// An owned reference; throws if Python raised an error instead. pybind11's own object
// does more than a loop over all weights needs.
class Reference {
 public:
  explicit Reference(PyObject* object) : object_(object) {
    if (object == nullptr) throw pybind11::error_already_set();
  }
  ~Reference() { Py_DECREF(object_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  PyObject* get() const { return object_; }

 private:
  PyObject* const object_;
};

// Returns the address of an array, which is given as a number or a tensor of torch.
std::uintptr_t AddressOf(PyObject* array);

// Returns whether a tensor of torch is on the CPU, contiguous, and of the type and
// shape of a weight: `dtype` and `shape` (a tuple) are the weight's attributes of that
// name.
bool IsLike(PyObject* tensor, PyObject* dtype, PyObject* shape, const Tensor& weight);

// Returns whether a tensor of torch is still at an address, contiguous, and of the type
// and size of a weight: its `.data` may have been set.
bool IsStillAt(PyObject* tensor, std::uintptr_t address, PyObject* dtype,
               const Tensor& weight);

// Returns whether a Keras variable holds this very tensor. A weight must also have no
// constraint, and not be overwritten by its gradient.
bool StillHolds(PyObject* variable, PyObject* tensor, bool is_weight);

}  // namespace kerasched

#endif  // KERASCHED_PYTHON_ARRAYS_H_
