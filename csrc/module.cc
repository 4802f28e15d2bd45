// The Python module kerasched._native: turns NumPy arrays into Arrays. No maths.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

#include "sgd.h"

namespace py = pybind11;

namespace kerasched {
namespace {

[[noreturn]] void Refuse(const char* argument, const std::string& requirement,
                         const std::string& received) {
  throw py::value_error(std::string("Argument `") + argument +
                        "` of momentum_update must be " + requirement +
                        ". Received: " + argument + "=" + received);
}

Array ToArray(const char* argument, const py::array& array, bool written) {
  const auto dtype =
      py::str(static_cast<py::object>(array.dtype())).cast<std::string>();
  const bool is_float32 = array.dtype().equal(py::dtype::of<float>());
  if (!is_float32 && !array.dtype().equal(py::dtype::of<double>())) {
    Refuse(argument, "a float32 or float64 array", "an array of " + dtype);
  }
  if (!(array.flags() & py::array::c_style)) {
    Refuse(argument, "a contiguous array", "an array with strides");
  }
  if (!array.attr("flags").attr("aligned").cast<bool>()) {
    Refuse(argument, "an aligned array", "an array between its type's addresses");
  }
  if (written && !array.writeable()) {
    Refuse(argument, "a writeable array", "a read-only array");
  }
  return {is_float32 ? ScalarType::kFloat32 : ScalarType::kFloat64,
          const_cast<void*>(array.data()), array.size()};
}

void RequireTypeOf(const Array& weight, const char* argument, const Array& array) {
  if (array.type != weight.type) {
    Refuse(argument, "of the type of `weight`",
           array.type == ScalarType::kFloat32 ? "an array of float32"
                                              : "an array of float64");
  }
}

bool SameShape(const py::array& a, const py::array& b) {
  return py::object(a.attr("shape")).equal(b.attr("shape"));
}

void RequireShapeOf(const py::array& weight, const char* argument,
                    const py::array& array) {
  if (!SameShape(weight, array)) {
    Refuse(argument, "of the shape of `weight`",
           "shape " + py::str(array.attr("shape")).cast<std::string>());
  }
}

void MomentumUpdate(const py::array& weight, const py::array& gradient,
                    const py::array& velocity, double learning_rate, double momentum) {
  RequireShapeOf(weight, "gradient", gradient);
  RequireShapeOf(weight, "velocity", velocity);
  const Array w = ToArray("weight", weight, true);
  const Array g = ToArray("gradient", gradient, false);
  const Array v = ToArray("velocity", velocity, true);
  RequireTypeOf(w, "gradient", g);
  RequireTypeOf(w, "velocity", v);
  Status status;
  {
    py::gil_scoped_release unlocked;
    status = UpdateMomentum(w, g, v, learning_rate, momentum);
  }
  if (!status.ok()) throw py::value_error(status.error);
}

}  // namespace
}  // namespace kerasched

PYBIND11_MODULE(_native, module) {
  module.doc() = "The C++ part of kerasched; kerasched.kernels.native is its importer.";
  module.def("momentum_update", &kerasched::MomentumUpdate,
             py::arg("weight").noconvert(), py::arg("gradient").noconvert(),
             py::arg("velocity").noconvert(), py::arg("learning_rate"),
             py::arg("momentum"),
             "Update weight and velocity in place from gradient, all NumPy arrays.");
}
