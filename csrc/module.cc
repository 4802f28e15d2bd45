// The Python module kerasched._native. No maths.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "parallel.h"
#include "sgd.h"
#if defined(KERASCHED_XLA)
#include "xla_handler.h"
#endif

namespace py = pybind11;

namespace kerasched {
namespace {

ScalarType TypeNamed(const std::string& name) {
  for (const ScalarType type :
       {ScalarType::kFloat32, ScalarType::kFloat64, ScalarType::kBFloat16}) {
    if (name == NameOf(type)) return type;
  }
  throw py::value_error("Weights must be float32, float64 or bfloat16. Received: " +
                        name);
}

// A reference that goes with its owner. pybind11's own object does more than is needed
// in the loops below, which run for every weight at every step.
class Reference {
 public:
  explicit Reference(PyObject* object) : object_(object) {
    if (object == nullptr) throw py::error_already_set();
  }
  ~Reference() { Py_DECREF(object_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;
  PyObject* get() const { return object_; }

 private:
  PyObject* const object_;
};

// Names that live as long as Python.
PyObject* Name(const char* name) { return PyUnicode_InternFromString(name); }

// Calls a method without arguments. `method` is that of the first object's class, kept
// so that it is not looked up again; an object of another kind makes it raise
// TypeError.
PyObject* Call(PyObject*& method, const char* name, PyObject* object) {
  if (method == nullptr) {
    method = PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), name);
    if (method == nullptr) throw py::error_already_set();
  }
  return PyObject_CallOneArg(method, object);
}

// Returns the address of an array: a number, or a tensor that is asked for it. Asking
// here takes half the time that a loop in Python takes, which for a model of many small
// weights is most of an update.
std::uintptr_t AddressOf(py::handle array) {
  static PyObject* data_ptr = nullptr;
  if (PyLong_Check(array.ptr())) return array.cast<std::uintptr_t>();
  const Reference address(Call(data_ptr, "data_ptr", array.ptr()));
  const auto number = PyLong_AsUnsignedLongLong(address.get());
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return static_cast<std::uintptr_t>(number);
}

// Whether a tensor of torch is in this computer's memory, of a type and a shape, and
// contiguous, as every tensor of one number is.
bool IsLike(PyObject* tensor, py::handle dtype, py::handle shape, std::int64_t size) {
  static PyObject* const kDtype = Name("dtype");
  static PyObject* const kShape = Name("shape");
  static PyObject* const kIsCpu = Name("is_cpu");
  static PyObject* is_contiguous = nullptr;
  if (Reference(PyObject_GetAttr(tensor, kDtype)).get() != dtype.ptr()) return false;
  if (Reference(PyObject_GetAttr(tensor, kIsCpu)).get() != Py_True) return false;
  const Reference found(PyObject_GetAttr(tensor, kShape));
  const int equal = PyObject_RichCompareBool(found.get(), shape.ptr(), Py_EQ);
  if (equal < 0) throw py::error_already_set();
  if (equal == 0) return false;
  if (size == 1) return true;
  return Reference(Call(is_contiguous, "is_contiguous", tensor)).get() == Py_True;
}

// An update of arrays that stay where they are; their gradients come with each step.
class DirectUpdate {
 public:
  DirectUpdate(const Options& options, const std::vector<std::string>& types,
               const std::vector<std::int64_t>& sizes, const std::vector<bool>& decays,
               const py::list& weights, const py::list& velocities,
               const py::list& sums, const py::list& averages)
      : options_(options) {
    if (types.size() != sizes.size() || types.size() != decays.size()) {
      throw py::value_error("`types`, `sizes` and `decays` must have one length");
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      Tensor tensor = {};
      tensor.type = TypeNamed(types[i]);
      tensor.size = sizes[i];
      tensor.decays = decays[i];
      tensors_.push_back(tensor);
    }
    Fill(weights, &Tensor::weight, true, "weights");
    Fill(velocities, &Tensor::velocity, options.momentum, "velocities");
    Fill(sums, &Tensor::sum, options.gradient_accumulation_steps > 1, "sums");
    Fill(averages, &Tensor::average, options.use_ema, "averages");
    const Status status = written_.Set(tensors_);
    if (!status.ok()) throw py::value_error(status.error);
  }

  // Whether variables of Keras still hold these tensors of torch, and those are at the
  // addresses that the constructor was given, in its order. A loop in Python takes
  // twice as long, and this is asked at every step.
  bool Holds(const py::list& variables, const py::list& tensors) const {
    static PyObject* const kValue = Name("_value");
    const std::size_t count = addresses_.size();
    if (variables.size() != count || tensors.size() != count) return false;
    for (std::size_t i = 0; i < count; ++i) {
      const Reference value(PyObject_GetAttr(variables[i].ptr(), kValue));
      if (value.get() != tensors[i].ptr()) return false;
      if (AddressOf(tensors[i]) != addresses_[i]) return false;
    }
    return true;
  }

  // Whether tensors of torch can be the gradients: dense, of these types and shapes.
  bool Takes(const py::list& gradients, const py::list& dtypes,
             const py::list& shapes) const {
    const std::size_t count = tensors_.size();
    if (gradients.size() != count || dtypes.size() != count || shapes.size() != count) {
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (!IsLike(gradients[i].ptr(), dtypes[i], shapes[i], tensors_[i].size)) {
        return false;
      }
    }
    return true;
  }

  void Run(double learning_rate, double momentum, double weight_decay,
           std::int64_t iterations, const py::list& gradients) {
    if (gradients.size() != tensors_.size()) throw WrongCount("gradients", gradients);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      tensors_[i].gradient = reinterpret_cast<const void*>(AddressOf(gradients[i]));
    }
    const Scalars scalars = {learning_rate, momentum, weight_decay, iterations};
    Status status;
    {
      const py::gil_scoped_release unlocked;
      status = written_.CheckGradients(tensors_);
      if (status.ok()) status = Update(options_, scalars, tensors_, PrivatePool());
    }
    if (!status.ok()) throw py::value_error(status.error);
  }

 private:
  py::value_error WrongCount(const char* name, const py::list& received) const {
    return py::value_error(std::string("Argument `") + name + "` must have " +
                           std::to_string(tensors_.size()) +
                           " addresses. Received: " + std::to_string(received.size()));
  }

  void Fill(const py::list& arrays, void* Tensor::* field, bool needed,
            const char* name) {
    if (!needed) return;
    if (arrays.size() != tensors_.size()) throw WrongCount(name, arrays);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::uintptr_t address = AddressOf(arrays[i]);
      addresses_.push_back(address);
      tensors_[i].*field = reinterpret_cast<void*>(address);
    }
  }

  const Options options_;
  std::vector<Tensor> tensors_;
  std::vector<std::uintptr_t> addresses_;
  WrittenBytes written_;
};

void BindOptions(py::module_& module) {
  py::class_<Options>(module, "Options")
      .def(py::init([](bool momentum, bool nesterov, bool weight_decay,
                       bool independent_weight_decay, double clipvalue, double clipnorm,
                       double global_clipnorm, bool use_ema, double ema_momentum,
                       std::int64_t ema_overwrite_frequency,
                       std::int64_t gradient_accumulation_steps,
                       double loss_scale_factor) {
             return Options{momentum,
                            nesterov,
                            weight_decay,
                            independent_weight_decay,
                            clipvalue,
                            clipnorm,
                            global_clipnorm,
                            use_ema,
                            ema_momentum,
                            ema_overwrite_frequency,
                            gradient_accumulation_steps,
                            loss_scale_factor};
           }),
           py::kw_only(), py::arg("momentum"), py::arg("nesterov"),
           py::arg("weight_decay"), py::arg("independent_weight_decay"),
           py::arg("clipvalue"), py::arg("clipnorm"), py::arg("global_clipnorm"),
           py::arg("use_ema"), py::arg("ema_momentum"),
           py::arg("ema_overwrite_frequency"), py::arg("gradient_accumulation_steps"),
           py::arg("loss_scale_factor"));
}

std::string InstructionSetOrThrow() {
  std::string error;
  const std::string name = InstructionSet(&error);
  if (name.empty()) throw py::value_error(error);
  return name;
}

std::int64_t Threads() {
  std::string error;
  const std::int64_t threads = ThreadLimit(PrivatePool().threads, &error);
  if (threads == 0) throw py::value_error(error);
  return threads;
}

}  // namespace
}  // namespace kerasched

PYBIND11_MODULE(_native, module) {
  using kerasched::DirectUpdate;
  module.doc() = "The C++ part of kerasched; kerasched.kernels.native is its importer.";
  kerasched::BindOptions(module);
  py::class_<DirectUpdate>(module, "Update")
      .def(py::init<const kerasched::Options&, const std::vector<std::string>&,
                    const std::vector<std::int64_t>&, const std::vector<bool>&,
                    const py::list&, const py::list&, const py::list&,
                    const py::list&>(),
           py::arg("options"), py::arg("types"), py::arg("sizes"), py::arg("decays"),
           py::arg("weights"), py::arg("velocities"), py::arg("sums"),
           py::arg("averages"))
      .def("holds", &DirectUpdate::Holds, py::arg("variables"), py::arg("tensors"))
      .def("takes", &DirectUpdate::Takes, py::arg("gradients"), py::arg("dtypes"),
           py::arg("shapes"))
      .def("run", &DirectUpdate::Run, py::arg("learning_rate"), py::arg("momentum"),
           py::arg("weight_decay"), py::arg("iterations"), py::arg("gradients"));
  module.def("instruction_set", &kerasched::InstructionSetOrThrow);
  module.def("threads", &kerasched::Threads);
#if defined(KERASCHED_XLA)
  module.attr("ffi_version") =
      py::make_tuple(kerasched::kFfiMajor, kerasched::kFfiMinor);
  module.attr("ffi_target") = kerasched::kSgdTarget;
  module.def("ffi_handler", [] {
    return py::capsule(reinterpret_cast<void*>(kerasched::SgdHandler),
                       "xla._CUSTOM_CALL_TARGET");
  });
  module.def("register_in_tensorflow", [](const std::string& library) {
    return std::string(kerasched::RegisterInTensorFlow(library.c_str()));
  });
#else
  module.attr("ffi_version") = py::none();
#endif
}
