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

using Addresses = std::vector<std::uintptr_t>;

ScalarType TypeNamed(const std::string& name) {
  for (const ScalarType type :
       {ScalarType::kFloat32, ScalarType::kFloat64, ScalarType::kBFloat16}) {
    if (name == NameOf(type)) return type;
  }
  throw py::value_error("Weights must be float32, float64 or bfloat16. Received: " +
                        name);
}

// An update of tensors of given types and sizes, to be run on their addresses.
class DirectUpdate {
 public:
  DirectUpdate(const Options& options, const std::vector<std::string>& types,
               const std::vector<std::int64_t>& sizes, const std::vector<bool>& decays)
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
  }

  void Run(double learning_rate, double momentum, double weight_decay,
           std::int64_t iterations, const Addresses& weights,
           const Addresses& gradients, const Addresses& velocities,
           const Addresses& sums, const Addresses& averages) const {
    std::vector<Tensor> tensors = tensors_;
    Fill(tensors, weights, &Tensor::weight, true, "weights");
    Fill(tensors, velocities, &Tensor::velocity, options_.momentum, "velocities");
    Fill(tensors, sums, &Tensor::sum, options_.gradient_accumulation_steps > 1, "sums");
    Fill(tensors, averages, &Tensor::average, options_.use_ema, "averages");
    if (gradients.size() != tensors.size()) throw WrongCount("gradients", gradients);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].gradient = reinterpret_cast<const void*>(gradients[i]);
    }
    Status status;
    {
      py::gil_scoped_release unlocked;
      status = CheckOverlap(tensors);
      if (status.ok()) {
        const Scalars scalars = {learning_rate, momentum, weight_decay, iterations};
        status = kerasched::Update(options_, scalars, tensors, PrivatePool());
      }
    }
    if (!status.ok()) throw py::value_error(status.error);
  }

 private:
  py::value_error WrongCount(const char* name, const Addresses& received) const {
    return py::value_error(std::string("Argument `") + name + "` must have " +
                           std::to_string(tensors_.size()) +
                           " addresses. Received: " + std::to_string(received.size()));
  }

  void Fill(std::vector<Tensor>& tensors, const Addresses& addresses,
            void* Tensor::* field, bool needed, const char* name) const {
    if (!needed) return;
    if (addresses.size() != tensors.size()) throw WrongCount(name, addresses);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      tensors[i].*field = reinterpret_cast<void*>(addresses[i]);
    }
  }

  const Options options_;
  std::vector<Tensor> tensors_;
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
                    const std::vector<std::int64_t>&, const std::vector<bool>&>(),
           py::arg("options"), py::arg("types"), py::arg("sizes"), py::arg("decays"))
      .def("run", &DirectUpdate::Run, py::arg("learning_rate"), py::arg("momentum"),
           py::arg("weight_decay"), py::arg("iterations"), py::arg("weights"),
           py::arg("gradients"), py::arg("velocities"), py::arg("sums"),
           py::arg("averages"));
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
