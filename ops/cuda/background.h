// Compiles kernels on a thread of its own, one after another.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "module.h"

namespace torchopt::cuda {

class Build {
 public:
  State state();
  std::string error();
  // The machine code, once it is there. Throws std::runtime_error where it failed.
  std::string wait();
  // Ends it: with code, or with what went wrong.
  void finish(std::string image, std::string error);

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  State state_ = State::compiling;
  std::string image_, error_;
};

// Begins to compile. Code for the same source, architecture, options and compiler comes from the cache.
std::shared_ptr<Build> beginBuild(const std::string& name, const std::string& source,
                                  int architecture, const std::vector<std::string>& options);

}  // namespace torchopt::cuda
