#include "launch.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace torchopt::cuda {

namespace {

constexpr unsigned kWindowThreads = 256;

constexpr const char* kText =
#include "windows.cuh"
    ;

BuiltinModule& windowModule = *new BuiltinModule("windows", {kWindowTypes, kText,
#include "counts32.cuh"
                                                      });
BuiltinModule& largeModule = *new BuiltinModule("windows_large", {kWindowTypes, kText,
#include "counts64.cuh"
                                                                 },
                                                false, true);

WindowShape shapeOf(const WindowSpec& spec, const Windows& windows) {
  WindowShape s{};
  s.examples = u64(windows.examples), s.samples = u64(windows.samples), s.channels = u64(windows.channels);
  s.rank = u32(spec.kernel.size());
  if (s.rank > kWindowRank)
    throw std::invalid_argument("windows: CUDA kernels take up to eight spatial dimensions");
  const auto put = [&](u64* to, const Extents& from, size_t skip) {
    for (size_t i = 0; i < s.rank; ++i) to[i] = u64(from[i + skip]);
  };
  put(s.sizes, spec.sizes, 2);
  put(s.kernel, spec.kernel, 0);
  put(s.out, spec.out, 0);
  put(s.strides, spec.strides, 0);
  put(s.low, spec.low, 0);
  put(s.dilations, spec.dilations, 0);
  return s;
}

// Whether whole numbers of 32 bits hold all that the kernels count.
bool isSmall(const WindowSpec& spec, const Windows& w) {
  constexpr int64_t kLimit = int64_t(1) << 31;
  int64_t most = std::max({w.columnsSize(), w.planes() * w.planeSize, w.paddedSize});
  for (size_t i = 0; i < spec.kernel.size(); ++i) {
    most = std::max({most, spec.out[i] * spec.strides[i], spec.kernel[i] * spec.dilations[i],
                     spec.sizes[i + 2] + spec.low[i]});
  }
  return most < kLimit;
}

}  // namespace

template <class T>
void launchWindows(Stream stream, WindowKernel kernel, const WindowSpec& spec, const Windows& windows,
                   const T* in, T* out, int64_t* places, bool large) {
  static_assert(sizeof(int64_t) == sizeof(i64), "places");
  const WindowTask<T> task{in, out, reinterpret_cast<i64*>(places), shapeOf(spec, windows)};
  const int64_t work = kernel == WindowKernel::columns ? windows.columnsSize()
                       : kernel == WindowKernel::fold  ? windows.planes() * windows.planeSize
                                                       : windows.planes() * windows.positions();
  std::string name = kernel == WindowKernel::columns ? "columns"
                     : kernel == WindowKernel::fold  ? "fold"
                                                     : "max_places";
  name += sizeof(T) == 4 ? "_f32" : "_f64";
  Module& chosen = !large && isSmall(spec, windows) ? windowModule : largeModule;
  chosen.launch(stream, name.c_str(), blocksFor(size_t(work), kWindowThreads), kWindowThreads, task);
}

template <class T>
void launchScatterZeros(Stream stream, const int64_t* places, const T* source, int64_t rows,
                        int64_t count, T* out, int64_t size) {
  zeroOnDevice(stream, out, size_t(rows) * size_t(size) * sizeof(T));
  const ScatterTask<T> task{reinterpret_cast<const i64*>(places), source, out, u64(rows), u64(count), u64(size)};
  windowModule.launch(stream, sizeof(T) == 4 ? "scatter_f32" : "scatter_f64",
                blocksFor(size_t(rows) * size_t(count), kWindowThreads), kWindowThreads, task);
}

template void launchWindows(Stream, WindowKernel, const WindowSpec&, const Windows&, const float*, float*,
                            int64_t*, bool);
template void launchWindows(Stream, WindowKernel, const WindowSpec&, const Windows&, const double*,
                            double*, int64_t*, bool);
template void launchScatterZeros(Stream, const int64_t*, const float*, int64_t, int64_t, float*, int64_t);
template void launchScatterZeros(Stream, const int64_t*, const double*, int64_t, int64_t, double*,
                                 int64_t);

}  // namespace torchopt::cuda
