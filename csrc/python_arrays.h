// What the loops over all weights ask Python's tensors, at every step.
#ifndef KERASCHED_PYTHON_ARRAYS_H_
#define KERASCHED_PYTHON_ARRAYS_H_

#include <pybind11/pybind11.h>

#include <cstdint>

#include "sgd.h"

namespace kerasched {

// A reference that goes with its owner; throws where Python has raised instead.
// pybind11's own object does more than is needed in loops over all weights.
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

// Returns the address of an array: a number, or a tensor of torch that is asked for it.
std::uintptr_t AddressOf(PyObject* array);

// Whether a tensor of torch is in this computer's memory, contiguous, and of the type
// and shape of a weight: `dtype` and `shape` are the weight's attributes of that name,
// a tuple the latter.
bool IsLike(PyObject* tensor, PyObject* dtype, PyObject* shape, const Tensor& weight);

// Whether a tensor of torch still lies at an address, contiguous, and is still of the
// type and size of a weight: its `.data` may be set to something else.
bool IsStillAt(PyObject* tensor, std::uintptr_t address, PyObject* dtype,
               const Tensor& weight);

// Whether a variable of Keras holds this very tensor. A weight must besides have no
// constraint, and not be overwritten by its gradient.
bool StillHolds(PyObject* variable, PyObject* tensor, bool is_weight);

}  // namespace kerasched

#endif  // KERASCHED_PYTHON_ARRAYS_H_
