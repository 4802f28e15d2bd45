// The Python module kerasched._native. No maths.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "parallel.h"
#include "python_arrays.h"
#include "update.h"
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

// Returns a borrowed item of a list that is long enough.
PyObject* At(const py::list& list, std::size_t i) {
  return PyList_GET_ITEM(list.ptr(), static_cast<Py_ssize_t>(i));
}

// An update of arrays at fixed addresses; each step has gradients of its own.
class DirectUpdate {
 public:
  DirectUpdate(const Options& options, const std::vector<std::string>& types,
               const std::vector<std::int64_t>& sizes, const std::vector<bool>& decays,
               const std::vector<py::list>& arrays)
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
    const std::vector<Field> fields = WrittenFields(options);
    if (arrays.size() != fields.size()) {
      throw py::value_error("`arrays` must have " + std::to_string(fields.size()) +
                            " lists. Received: " + std::to_string(arrays.size()));
    }
    for (std::size_t i = 0; i < fields.size(); ++i) Fill(arrays[i], fields[i]);
    const Status status = written_.Set(tensors_);
    if (!status.ok()) throw py::value_error(status.error);
  }

  // Returns whether Keras variables, the weights first, still hold these tensors of
  // torch, at the constructor's addresses and of the weights' types and sizes, and
  // whether the weights are plain ones. A loop in Python would take twice as long, at
  // every step.
  bool Holds(const py::list& variables, const py::list& tensors,
             const py::list& dtypes) const {
    const std::size_t count = addresses_.size(), weights = tensors_.size();
    if (variables.size() != count || tensors.size() != count) return false;
    if (dtypes.size() != weights) return false;
    for (std::size_t i = 0; i < count; ++i) {
      PyObject* const tensor = At(tensors, i);
      if (!StillHolds(At(variables, i), tensor, i < weights) ||
          !IsStillAt(tensor, addresses_[i], At(dtypes, i % weights),
                     tensors_[i % weights])) {
        return false;
      }
    }
    return true;
  }

  // Returns whether tensors of torch can be the gradients: dense, of these types and
  // shapes.
  bool Takes(const py::list& gradients, const py::list& dtypes,
             const py::list& shapes) const {
    const std::size_t count = tensors_.size();
    if (gradients.size() != count || dtypes.size() != count || shapes.size() != count) {
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) {
      PyObject* const shape = At(shapes, i);
      if (!PyTuple_Check(shape) ||
          !IsLike(At(gradients, i), At(dtypes, i), shape, tensors_[i])) {
        return false;
      }
    }
    return true;
  }

  // Returns whether the step was applied: false if the options skipped it.
  bool Run(double learning_rate, double weight_decay, double loss_scale,
           std::int64_t iterations, const std::vector<double>& hyperparameters,
           const py::list& gradients) {
    if (gradients.size() != tensors_.size()) {
      throw WrongCount("Argument `gradients`", gradients);
    }
    const std::size_t wanted = Rules()[options_.rule].hyperparameters;
    if (hyperparameters.size() != wanted) {
      throw py::value_error(
          "Argument `hyperparameters` must have " + std::to_string(wanted) +
          " numbers. Received: " + std::to_string(hyperparameters.size()));
    }
    // A copy for this call: another thread may run while the GIL is released.
    std::vector<Tensor> tensors = tensors_;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].gradient = reinterpret_cast<const void*>(AddressOf(At(gradients, i)));
    }
    Scalars scalars = {learning_rate, weight_decay, loss_scale, iterations, {}};
    std::copy(hyperparameters.begin(), hyperparameters.end(),
              scalars.hyperparameters.begin());
    Status status;
    {
      const py::gil_scoped_release unlocked;
      status = written_.CheckGradients(tensors);
      if (status.ok()) status = Update(options_, scalars, tensors, PrivatePool());
    }
    if (!status.ok()) throw py::value_error(status.error);
    return !status.skipped;
  }

 private:
  py::value_error WrongCount(const std::string& what, const py::list& received) const {
    return py::value_error(what + " must have " + std::to_string(tensors_.size()) +
                           " addresses. Received: " + std::to_string(received.size()));
  }

  void Fill(const py::list& arrays, const Field& field) {
    if (arrays.size() != tensors_.size()) {
      throw WrongCount(std::string("The list of the array `") + field.name + "`",
                       arrays);
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::uintptr_t address = AddressOf(At(arrays, i));
      addresses_.push_back(address);
      field.of(tensors_[i]) = reinterpret_cast<void*>(address);
    }
  }

  const Options options_;
  std::vector<Tensor> tensors_;
  std::vector<std::uintptr_t> addresses_;
  WrittenBytes written_;
};

void BindOptions(py::module_& module) {
  py::class_<Options>(module, "Options")
      .def(py::init([](const std::string& rule, bool weight_decay,
                       bool independent_weight_decay, double clipvalue, double clipnorm,
                       double global_clipnorm, bool use_ema, double ema_momentum,
                       std::int64_t ema_overwrite_frequency,
                       std::int64_t gradient_accumulation_steps, bool unscales,
                       bool skips_nonfinite) {
             const std::size_t index = RuleNamed(rule);
             if (index == Rules().size()) {
               throw py::value_error("There is no rule named " + rule);
             }
             return Options{index,
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
           }),
           py::kw_only(), py::arg("rule"), py::arg("weight_decay"),
           py::arg("independent_weight_decay"), py::arg("clipvalue"),
           py::arg("clipnorm"), py::arg("global_clipnorm"), py::arg("use_ema"),
           py::arg("ema_momentum"), py::arg("ema_overwrite_frequency"),
           py::arg("gradient_accumulation_steps"), py::arg("unscales"),
           py::arg("skips_nonfinite"));
}

// Returns the slots and the hyperparameters of each rule, by its name.
std::map<std::string, std::pair<std::size_t, std::size_t>> RuleCounts() {
  std::map<std::string, std::pair<std::size_t, std::size_t>> counts;
  for (const RuleInfo& rule : Rules()) {
    counts[rule.name] = {rule.slots, rule.hyperparameters};
  }
  return counts;
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
  module.doc() = "The C++ part of kerasched; only kerasched.kernels.native imports it.";
  kerasched::BindOptions(module);
  py::class_<DirectUpdate>(module, "Update")
      .def(py::init<const kerasched::Options&, const std::vector<std::string>&,
                    const std::vector<std::int64_t>&, const std::vector<bool>&,
                    const std::vector<py::list>&>(),
           py::arg("options"), py::arg("types"), py::arg("sizes"), py::arg("decays"),
           py::arg("arrays"))
      .def("holds", &DirectUpdate::Holds, py::arg("variables"), py::arg("tensors"),
           py::arg("dtypes"))
      .def("takes", &DirectUpdate::Takes, py::arg("gradients"), py::arg("dtypes"),
           py::arg("shapes"))
      .def("run", &DirectUpdate::Run, py::arg("learning_rate"), py::arg("weight_decay"),
           py::arg("loss_scale"), py::arg("iterations"), py::arg("hyperparameters"),
           py::arg("gradients"));
  module.def("rules", &kerasched::RuleCounts);
  module.def("instruction_set", &kerasched::InstructionSetOrThrow);
  module.def("threads", &kerasched::Threads);
#if defined(KERASCHED_XLA)
  module.attr("ffi_version") =
      py::make_tuple(kerasched::kFfiMajor, kerasched::kFfiMinor);
  module.attr("ffi_target") = kerasched::kUpdateTarget;
  module.def("offered_ffi_version", &kerasched::OfferedFfiVersion);
  module.def("ffi_handler", [] {
    return py::capsule(reinterpret_cast<void*>(kerasched::UpdateHandler),
                       "xla._CUSTOM_CALL_TARGET");
  });
  module.attr("ffi_statistics_target") = kerasched::kStatisticsTarget;
  module.def("ffi_statistics_handler", [] {
    return py::capsule(reinterpret_cast<void*>(kerasched::GradientStatisticsHandler),
                       "xla._CUSTOM_CALL_TARGET");
  });
  module.def("register_in_tensorflow", [](const std::string& library) {
    return std::string(kerasched::RegisterInTensorFlow(library.c_str()));
  });
#else
  module.attr("ffi_version") = py::none();
#endif
}
