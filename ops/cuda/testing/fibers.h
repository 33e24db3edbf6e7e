// Runs the threads of CUDA blocks as fibers of one thread of the CPU.
#pragma once

#include <cstddef>
#include <string>

#include "cuda_cpu.h"

namespace cuda_cpu {

struct Launch {
  void (*call)(void** parameters);
  void** parameters;
  Index blocks, threads;
  // Shared memory of the module, which is filled before each block.
  char* shared;
  size_t sharedBytes;
};

// Runs all blocks. Empty, or what went wrong: threads that wait at barriers which others never reach.
std::string run(const Launch& launch);

}  // namespace cuda_cpu
