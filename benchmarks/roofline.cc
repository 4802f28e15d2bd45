// The loops that the kernel is measured against: updates in place, as one would write
// them by hand, cut into a part for each thread; and a sum, for bandwidth.
#include <pybind11/pybind11.h>

#include <cmath>
#include <cstdint>
#include <thread>
#include <vector>

namespace {

// Runs part(begin, end) on each of `threads` equal parts of [0, size).
template <typename Part>
void InParts(std::int64_t size, int threads, const Part& part) {
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back(part, size * i / threads, size * (i + 1) / threads);
  }
  part(0, size / threads);
  for (std::thread& other : others) other.join();
}

// Moves 20 bytes an element: reads weight, gradient and velocity, writes two of them.
void Momentum(std::uintptr_t weight_at, std::uintptr_t gradient_at,
              std::uintptr_t velocity_at, std::int64_t size, int threads, float rate,
              float momentum) {
  float* __restrict weight = reinterpret_cast<float*>(weight_at);
  const float* __restrict gradient = reinterpret_cast<const float*>(gradient_at);
  float* __restrict velocity = reinterpret_cast<float*>(velocity_at);
  InParts(size, threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      velocity[i] = velocity[i] * momentum - gradient[i] * rate;
      weight[i] += velocity[i];
    }
  });
}

// Moves 28 bytes an element: reads weight, gradient, momentum and velocity, writes
// three of them. `rate` contains the bias corrections.
void Adam(std::uintptr_t weight_at, std::uintptr_t gradient_at,
          std::uintptr_t momentum_at, std::uintptr_t velocity_at, std::int64_t size,
          int threads, float rate, float rest_1, float rest_2, float epsilon) {
  float* __restrict weight = reinterpret_cast<float*>(weight_at);
  const float* __restrict gradient = reinterpret_cast<const float*>(gradient_at);
  float* __restrict momentum = reinterpret_cast<float*>(momentum_at);
  float* __restrict velocity = reinterpret_cast<float*>(velocity_at);
  InParts(size, threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float g = gradient[i];
      momentum[i] += (g - momentum[i]) * rest_1;
      velocity[i] += (g * g - velocity[i]) * rest_2;
      weight[i] -= momentum[i] * rate / (std::sqrt(velocity[i]) + epsilon);
    }
  });
}

// Moves 12 bytes an element: reads both arrays and writes one, as the kernel reads and
// writes in place.
void Add(std::uintptr_t to_at, std::uintptr_t from_at, std::int64_t size, int threads) {
  float* __restrict to = reinterpret_cast<float*>(to_at);
  const float* __restrict from = reinterpret_cast<const float*>(from_at);
  InParts(size, threads, [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] += from[i];
  });
}

}  // namespace

PYBIND11_MODULE(roofline, module) {
  using Unlocked = pybind11::call_guard<pybind11::gil_scoped_release>;
  module.def("momentum", &Momentum, Unlocked());
  module.def("adam", &Adam, Unlocked());
  module.def("add", &Add, Unlocked());
}
