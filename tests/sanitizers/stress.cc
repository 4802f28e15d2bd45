// Runs the update in all ways that could go wrong in memory or between threads; built
// and run by `python -m tests.sanitizers` under a sanitizer, which is what watches it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "gradient_statistics.h"
#include "update.h"

namespace {

using namespace kerasched;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "FAILED: %s\n", what);
  std::_Exit(1);
}

// Returns all arrays of a tensor that an update may write.
std::vector<void**> Arrays(Tensor& t) {
  std::vector<void**> arrays = {&t.weight, &t.sum, &t.average};
  for (void*& slot : t.slots) arrays.push_back(&slot);
  return arrays;
}

// Tensors, each array in memory of its own, exactly as large as it must be.
class Model {
 public:
  Model(ScalarType type, const std::vector<std::int64_t>& sizes) {
    for (const std::int64_t size : sizes) {
      const auto make = [&] { return Make(size * BytesOf(type)); };
      Tensor tensor = {};
      tensor.type = type;
      tensor.size = size;
      tensor.decays = tensors_.size() % 2 == 0;
      tensor.gradient = make();
      for (void** array : Arrays(tensor)) *array = make();
      tensors_.push_back(tensor);
    }
  }

  const std::vector<Tensor>& tensors() const { return tensors_; }

  // The bytes of all that an update writes.
  std::string Written() const {
    std::string bytes;
    for (Tensor t : tensors_) {
      for (void** array : Arrays(t)) {
        bytes.append(static_cast<const char*>(*array),
                     static_cast<std::size_t>(t.size * BytesOf(t.type)));
      }
    }
    return bytes;
  }

 private:
  // Bytes 0x3c.. are small numbers in every type.
  void* Make(std::int64_t bytes) {
    const auto count = static_cast<std::size_t>(bytes);
    memory_.push_back(std::make_unique<char[]>(count));
    for (std::size_t i = 0; i < count; ++i) {
      memory_.back()[i] = static_cast<char>(0x3c + (i * 7 + memory_.size()) % 3);
    }
    return memory_.back().get();
  }

  std::vector<std::unique_ptr<char[]>> memory_;
  std::vector<Tensor> tensors_;
};

// Hyperparameters that suit every rule, as momentum, beta or epsilon.
Scalars ScalarsAt(std::int64_t iterations) {
  return {0.1, 0.01, 8, iterations, {0.9, 0.99, 0.1, 0.01, 1e-7}};
}

void Run(const Options& options, const Model& model, std::int64_t iterations,
         const Pool& pool) {
  const Scalars scalars = ScalarsAt(iterations);
  const Status status = Update(options, scalars, model.tensors(), pool);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.error.c_str());
  Check(status.ok(), "an update is done");
}

std::vector<Options> AllOptions() {
  std::vector<Options> all;
  const int rules = static_cast<int>(Rules().size());
  for (int bits = 0; bits < rules * 3 * 4 * 3 * 2 * 2; ++bits) {
    int rest = bits;
    const auto next = [&rest](int count) {
      const int value = rest % count;
      rest /= count;
      return value;
    };
    Options o;
    const int rule = next(rules), decay = next(3), clip = next(4), average = next(3);
    o.rule = static_cast<std::size_t>(rule);
    o.weight_decay = decay > 0;
    o.independent_weight_decay = decay > 1;
    o.clipvalue = clip == 1 ? 0.5 : 0;
    o.clipnorm = clip == 2 ? 0.5 : 0;
    o.global_clipnorm = clip == 3 ? 0.5 : 0;
    o.use_ema = average > 0;
    o.ema_momentum = 0.99;
    o.ema_overwrite_frequency = average > 1 ? 2 : 0;
    o.gradient_accumulation_steps = next(2) * 2;
    o.unscales = o.skips_nonfinite = next(2) > 0;
    all.push_back(o);
  }
  return all;
}

const ScalarType kTypes[] = {ScalarType::kFloat32, ScalarType::kFloat64,
                             ScalarType::kBFloat16};

Options Everything() { return AllOptions().back(); }

void EveryOptionWithTails(const std::vector<std::int64_t>& sizes) {
  for (const ScalarType type : kTypes) {
    const Model model(type, sizes);
    for (const Options& options : AllOptions()) {
      for (const std::int64_t iterations : {0, 1}) {
        Run(options, model, iterations, PrivatePool());
      }
    }
  }
}

// The first pass reads gradients and sums alone; an update that is given its results
// does what it does without them.
void StatisticsFirst() {
  const Scalars scalars = ScalarsAt(1);
  for (const ScalarType type : kTypes) {
    for (const Options& options : AllOptions()) {
      const Model one(type, {1, 65, 4097}), other(type, {1, 65, 4097});
      Run(options, one, 1, PrivatePool());
      std::vector<Tensor> read = other.tensors();
      for (Tensor& t : read) {
        t.weight = t.average = nullptr;
        t.slots = {};
      }
      GradientStatistics statistics;
      Status status = ReadGradients(options, scalars, read, PrivatePool(), statistics);
      Check(status.ok() && statistics.finite, "gradients are read");
      status = Update(options, scalars, other.tensors(), PrivatePool(), &statistics);
      Check(status.ok() && !status.skipped, "an update is done");
      Check(one.Written() == other.Written(), "given statistics change nothing");
    }
  }
}

void SameOnAnyThreads() {
  for (const ScalarType type : kTypes) {
    std::string first;
    for (const char* threads : {"1", "2", "3", "8"}) {
      setenv("KERASCHED_NUM_THREADS", threads, 1);
      const Model model(type, {70'001, 3, 65'537});
      Run(Everything(), model, 1, PrivatePool());
      if (first.empty()) first = model.Written();
      Check(first == model.Written(), "threads do not matter");
    }
  }
  unsetenv("KERASCHED_NUM_THREADS");
}

void ManyCallersAtOnce() {
  setenv("KERASCHED_NUM_THREADS", "4", 1);
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([i] {
      const Model model(kTypes[i % 3], {40'000, 5, 1025});
      for (int step = 0; step < 8; ++step) {
        Run(Everything(), model, step, PrivatePool());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  unsetenv("KERASCHED_NUM_THREADS");
}

void HelpersThatNeverStart() {
  const Model model(ScalarType::kFloat32, {200'000});
  Run(Everything(), model, 1, {[](const std::function<void()>&) {}, 8});
}

// As a full pool does it: the tasks run when all work has long been done.
void HelpersThatStartLate() {
  std::vector<std::function<void()>> tasks;
  {
    const Model model(ScalarType::kFloat32, {200'000});
    const Pool pool = {
        [&tasks](std::function<void()> task) { tasks.push_back(std::move(task)); }, 8};
    Run(Everything(), model, 1, pool);
  }
  Check(!tasks.empty(), "helpers were asked for");
  for (const auto& task : tasks) task();
}

// The second helper is refused while the first is at work.
void HelpersThatAreRefused() {
  const Model model(ScalarType::kFloat32, {200'000});
  std::vector<std::thread> helpers;
  const auto schedule = [&helpers](std::function<void()> task) {
    if (!helpers.empty()) throw std::bad_alloc();
    helpers.emplace_back(std::move(task));
  };
  Run(Everything(), model, 0, {schedule, 4});
  for (std::thread& helper : helpers) helper.join();
}

void RefusesWithoutATouch() {
  const Model model(ScalarType::kFloat32, {7});
  const std::string before = model.Written();
  std::vector<Tensor> tensors = model.tensors();
  tensors[0].slots[0] = nullptr;
  Check(!Update(Everything(), {}, tensors, PrivatePool()).ok(), "null is refused");
  tensors = model.tensors();
  tensors[0].gradient = static_cast<char*>(tensors[0].average) + 4;
  WrittenBytes places;
  Check(places.Set(tensors).ok(), "what is written does not overlap");
  Check(!places.CheckGradients(tensors).ok(), "a gradient there is refused");
  tensors[0].slots[0] = static_cast<char*>(tensors[0].average) + 4;
  Check(!places.Set(tensors).ok(), "overlap is refused");
  for (const char* name : {"KERASCHED_ISA", "KERASCHED_NUM_THREADS"}) {
    setenv(name, "none", 1);
    Check(!Update(Everything(), {}, model.tensors(), PrivatePool()).ok(), name);
    unsetenv(name);
  }
  Check(before == model.Written(), "a refused update writes nothing");
}

// ThreadSanitizer cannot watch a child that starts threads.
void AfterAFork() {
#if !defined(__SANITIZE_THREAD__)
  Run(Everything(), Model(ScalarType::kFloat32, {100'000}), 1, PrivatePool());
  const pid_t child = fork();
  if (child == 0) {
    Run(Everything(), Model(ScalarType::kFloat32, {100'000}), 1, PrivatePool());
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  Check(status == 0, "a child after a fork does an update");
#endif
}

// Mistakes, to show that the sanitizer is awake.
void WritePastTheEnd() {
  const Model model(ScalarType::kFloat32, {1000});
  std::vector<Tensor> tensors = model.tensors();
  tensors[0].size = 1001;
  Check(Update(Everything(), {}, tensors, PrivatePool()).ok(), "it is not noticed");
}

void UpdateOneModelTwiceAtOnce() {
  const Model model(ScalarType::kFloat32, {100'000});
  std::thread other([&model] { Run(Options(), model, 0, {nullptr, 1}); });
  Run(Options(), model, 0, {nullptr, 1});
  other.join();
}

}  // namespace

int main(int count, char** words) {
  const std::string mistake = count > 1 ? words[1] : "";
  if (mistake == "write-past-the-end") WritePastTheEnd();
  if (mistake == "race") UpdateOneModelTwiceAtOnce();
  if (!mistake.empty()) return 0;
  for (const char* name : {"baseline", ""}) {  // Empty for the best there is.
    setenv("KERASCHED_ISA", name, 1);
    EveryOptionWithTails({0, 1, 31, 65, 1023, 1025, 4097});
    StatisticsFirst();
    SameOnAnyThreads();
  }
  ManyCallersAtOnce();
  HelpersThatNeverStart();
  HelpersThatStartLate();
  HelpersThatAreRefused();
  RefusesWithoutATouch();
  AfterAFork();
  std::string error;
  std::printf("all done, at last with %s\n", InstructionSet(&error).c_str());
  return 0;
}
