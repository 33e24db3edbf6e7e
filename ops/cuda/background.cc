#include "background.h"

#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "cache.h"
#include "nvrtc.h"
#include "sha256.h"

namespace torchopt::cuda {

namespace {

// A queue and its thread, which starts with the first task. It is never destroyed: the end of the process
// waits for the task under way and drops those that wait.
class Worker {
 public:
  // False where the process is about to end.
  bool add(std::function<void()> task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ending_) return false;
    tasks_.push_back(std::move(task));
    if (!started_) {
      thread_ = std::thread([this] { run(); });
      started_ = true;
    }
    more_.notify_one();
    return true;
  }

  void end() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
      tasks_.clear();
      more_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        more_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
        if (ending_) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> tasks_;
  std::thread thread_;
  bool started_ = false, ending_ = false;
};

Worker& worker() {
  static Worker& one = []() -> Worker& {
    auto& made = *new Worker;
    std::atexit([] { worker().end(); });
    return made;
  }();
  return one;
}

std::string compileCached(const std::string& name, const std::string& source, int architecture,
                          const std::vector<std::string>& options) {
  std::string text = "NVRTC " + nvrtcVersion() + " sm_" + std::to_string(architecture);
  for (const std::string& option : options) text += " " + option;
  const std::string key = sha256Text(text + "\n" + source);
  std::string image = readCached(key);
  if (!image.empty()) return image;
  image = compileDeviceCode(name, source, architecture, options);
  writeCached(key, image);
  return image;
}

}  // namespace

State Build::state() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_;
}

std::string Build::error() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return error_;
}

std::string Build::wait() {
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return state_ != State::compiling; });
  if (state_ == State::failed) throw std::runtime_error(error_);
  return image_;
}

void Build::finish(std::string image, std::string error) {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_ = error.empty() ? State::ready : State::failed;
  image_ = std::move(image);
  error_ = std::move(error);
  done_.notify_all();
}

std::shared_ptr<Build> beginBuild(const std::string& name, const std::string& source,
                                  int architecture, const std::vector<std::string>& options) {
  auto build = std::make_shared<Build>();
  const bool queued = worker().add([=] {
    try {
      build->finish(compileCached(name, source, architecture, options), "");
    } catch (const std::exception& error) {
      build->finish("", error.what());
    }
  });
  if (!queued) build->finish("", "CUDA kernel " + name + ": the process ends");
  return build;
}

}  // namespace torchopt::cuda
