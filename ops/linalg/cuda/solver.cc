#include "solver.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "../../cuda/library.h"

namespace torchopt::cuda {

namespace {

using Handle = void*;
constexpr int kUpper = 1;  // CUBLAS_FILL_MODE_UPPER

// The functions for one type.
template <class T>
struct Functions {
  int (*luSize)(Handle, int m, int n, T* a, int lda, int* work);
  int (*lu)(Handle, int m, int n, T* a, int lda, T* work, int* pivots, int* info);
  int (*choleskySize)(Handle, int uplo, int n, T* a, int lda, int* work);
  int (*cholesky)(Handle, int uplo, int n, T* a, int lda, T* work, int size, int* info);
};

struct Solver {
  int (*create)(Handle*);
  int (*setStream)(Handle, Stream);
  Functions<float> f32;
  Functions<double> f64;
  bool usable = false;
  std::mutex mutex;  // a handle has one stream at a time
  std::map<Context, Handle> handles;
};

std::string& solverPath() {
  static std::string& text = *new std::string;
  return text;
}

void* openSolver() {
  std::string why;
  if (!solverPath().empty()) return openLibrary(solverPath(), why);
#if defined(_WIN32)
  const char* const names[] = {"cusolver64_12.dll", "cusolver64_11.dll"};
#else
  const char* const names[] = {"libcusolver.so.12", "libcusolver.so.11"};
#endif
  for (const char* name : names) {
    if (void* library = openLibrary(name, why)) return library;
  }
  return nullptr;
}

Solver& solver() {
  static Solver& one = []() -> Solver& {
    auto& s = *new Solver;
    void* const library = openSolver();
    if (library == nullptr) return s;
    const auto all = [&](const char* type, auto& f) {
      const std::string start = std::string("cusolverDn") + type;
      return bind(library, (start + "getrf_bufferSize").c_str(), f.luSize) &&
             bind(library, (start + "getrf").c_str(), f.lu) &&
             bind(library, (start + "potrf_bufferSize").c_str(), f.choleskySize) &&
             bind(library, (start + "potrf").c_str(), f.cholesky);
    };
    s.usable = bind(library, "cusolverDnCreate", s.create) &&
               bind(library, "cusolverDnSetStream", s.setStream) && all("S", s.f32) && all("D", s.f64);
    return s;
  }();
  return one;
}

template <class T>
const Functions<T>& functions() {
  if constexpr (sizeof(T) == 4) return solver().f32;
  else return solver().f64;
}

void checkSolver(int code, const char* what) {
  if (code != 0)
    throw std::runtime_error(std::string("cuSOLVER: ") + what + " failed (code " + std::to_string(code) + ")");
}

// Calls use(handle) with the handle of the stream's context, on the stream.
template <class Use>
void withHandle(Stream stream, const Use& use) {
  const ContextScope scope(stream);
  const std::lock_guard<std::mutex> lock(solver().mutex);
  Handle& handle = solver().handles[scope.context()];
  if (handle == nullptr) checkSolver(solver().create(&handle), "opening it");
  checkSolver(solver().setStream(handle, stream), "changing the stream");
  use(handle);
}

template <class T>
T* workspace(int size, const ScratchMemory& scratch) {
  return static_cast<T*>(scratch(size_t(std::max(size, 1)) * sizeof(T)));
}

}  // namespace

void setSolverPath(const char* text) { solverPath() = text; }

bool hasSolver() { return solver().usable; }

template <class T>
void solverLu(Stream stream, int rows, int columns, T* a, int* pivots, const ScratchMemory& scratch) {
  withHandle(stream, [&](Handle handle) {
    int size = 0;
    checkSolver(functions<T>().luSize(handle, rows, columns, a, rows, &size), "asking for the size of an LU");
    T* const work = workspace<T>(size, scratch);
    auto* const info = static_cast<int*>(scratch(sizeof(int)));
    checkSolver(functions<T>().lu(handle, rows, columns, a, rows, work, pivots, info), "an LU");
  });
}

template <class T>
void solverCholesky(Stream stream, int n, T* a, int* info, const ScratchMemory& scratch) {
  withHandle(stream, [&](Handle handle) {
    int size = 0;
    // The lower triangle by rows is the upper one by columns.
    checkSolver(functions<T>().choleskySize(handle, kUpper, n, a, n, &size), "asking for the size of a Cholesky");
    T* const work = workspace<T>(size, scratch);
    checkSolver(functions<T>().cholesky(handle, kUpper, n, a, n, work, size, info), "a Cholesky");
  });
}

template void solverLu(Stream, int, int, float*, int*, const ScratchMemory&);
template void solverLu(Stream, int, int, double*, int*, const ScratchMemory&);
template void solverCholesky(Stream, int, float*, int*, const ScratchMemory&);
template void solverCholesky(Stream, int, double*, int*, const ScratchMemory&);

}  // namespace torchopt::cuda
