// Windows on CUDA, on addresses of the GPU: what ops/windows/windows.h says.
#pragma once

#include "../../cuda/module.h"
#include "../windows.h"

namespace torchopt::cuda {

TORCHOPT_CUDA_SHARED(
    kWindowTypes,
    constexpr u32 kWindowRank = 8;
    struct WindowShape {
      u64 examples, samples, channels;
      u64 sizes[kWindowRank], kernel[kWindowRank], out[kWindowRank], strides[kWindowRank],
          low[kWindowRank], dilations[kWindowRank];
      u32 rank;
    };
    template <class T> struct WindowTask {
      const T* in;
      T* out;
      i64* places;
      WindowShape shape;
    };
    template <class T> struct ScatterTask {
      const i64* places;
      const T* source;
      T* out;
      u64 rows, count, size;
    };)

enum class WindowKernel { columns, fold, maxPlaces };

// `places` is for maxPlaces alone, `large` for tests: kernels that count beyond 32 bits. Throws std::invalid_argument for more than eight spatial dimensions.
template <class T>
void launchWindows(Stream stream, WindowKernel kernel, const WindowSpec& spec, const Windows& windows,
                   const T* in, T* out, int64_t* places, bool large = false);

// As scatterZeros, but a place outside makes its row NaN.
template <class T>
void launchScatterZeros(Stream stream, const int64_t* places, const T* source, int64_t rows,
                        int64_t count, T* out, int64_t size);

}  // namespace torchopt::cuda
