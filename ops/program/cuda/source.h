// CUDA source text of a decoded program: a few kernels, and how to launch them. Small steps that follow
// each other are one kernel of one block, which saves launches.
#pragma once

#include <string>
#include <vector>

#include "../loop.h"
#include "../program.h"

namespace torchopt {

// What the text is made for. The defaults are for a GPU and were chosen without one; tests choose
// smaller ones, so that small programs take all paths.
struct CudaLimits {
  unsigned threads = 256;     // of a block: 16, 64 or 256
  unsigned blocks = 4096;     // most of a launch; what is left over, they share
  int64_t share = 8192;       // elements of a reduction for one block, before it is cut into groups
  int64_t groups = 512;       // blocks that a large reduction is cut into, about
  int64_t dot = 1024;         // length of products that are reductions where there are few of them
  int64_t transpose = 32768;  // elements from which a transposed operand is rearranged beforehand
  int64_t tiles = 64;         // tiles of a product from which they are twice as wide
  int64_t small = 4096;       // work of a step that one block does
  int64_t chain = 1 << 16;    // work of all steps of a kernel of one block
  size_t chainSteps = 64;     // and how many these are
};

// One launch. Its only parameter is an array of pointers: those of these buffers of the program
// (inputs, then outputs), then that of the working memory if `memory`.
struct CudaLaunch {
  std::string kernel;
  unsigned blocks = 1, threads = 1;
  std::vector<uint32_t> buffers;
  bool memory = false;
};

struct CudaSource {
  std::string common, own;  // what all texts for as many threads begin with, and the rest
  std::vector<CudaLaunch> launches;
  int64_t memory = 0;  // elements
};

// Pointers that a kernel can take: 32 764 bytes of parameters, from CUDA 12.1 and sm_70 on.
constexpr size_t kMaxPointers = 4000;

// The kernels of a program; their names begin with `name`. Throws ProgramError where it cannot be
// kernels, and says why.
template <class T>
CudaSource cudaSource(const Program<T>& program, const std::string& name = "program",
                      const CudaLimits& limits = {});

// A loop as one kernel of one block, which counts and tests on the device. Its parameters are the
// pointers of the node's inputs, its outputs and the working memory.
template <class T>
CudaSource cudaLoopSource(const Program<T>& program, const LoopLayout& layout,
                          const std::string& name = "loop", const CudaLimits& limits = {});

}  // namespace torchopt
