// cuSOLVER, as far as the ops library uses it, on the CPU: plain loops over matrices that lie column by
// column. For tests.

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>

using Work = void (*)(void* data);

// In fake_cuda.cc: runs work on the device, now or later.
void enqueueWork(void* stream, Work work, void* data);
void useMemory(void* stream, const void* address, size_t bytes, int how, const char* who);

namespace {

struct Handle {
  void* stream = nullptr;
};

// `written`: what the work reads and writes.
template <class Body>
int later(void* handle, std::initializer_list<const void*> written, Body body) {
  void* const stream = static_cast<Handle*>(handle)->stream;
  for (const void* address : written) useMemory(stream, address, 0, 1, "cuSOLVER");
  enqueueWork(
      stream,
      [](void* data) {
        (*static_cast<Body*>(data))();
        delete static_cast<Body*>(data);
      },
      new Body(body));
  return 0;
}

constexpr int kWork = 7;

template <class T>
int getrf(void* handle, int m, int n, T* a, int lda, T* work, int* pivots, int* info) {
  return later(handle, {a, work, pivots, info}, [=] {
    work[kWork - 1] = 0;
    *info = 0;
    const auto at = [=](int i, int j) -> T& { return a[size_t(j) * size_t(lda) + size_t(i)]; };
    for (int k = 0; k < m && k < n; ++k) {
      int best = k;
      for (int i = k + 1; i < m; ++i)
        if (std::abs(at(i, k)) > std::abs(at(best, k))) best = i;
      pivots[k] = best + 1;
      for (int j = 0; j < n; ++j) std::swap(at(k, j), at(best, j));
      if (at(k, k) == 0) {
        *info = k + 1;
        continue;
      }
      for (int i = k + 1; i < m; ++i) {
        at(i, k) /= at(k, k);
        for (int j = k + 1; j < n; ++j) at(i, j) -= at(i, k) * at(k, j);
      }
    }
  });
}

template <class T>
int potrf(void* handle, int uplo, int n, T* a, int lda, T* work, int size, int* info) {
  if (uplo != 1 || size < kWork) return 3;
  return later(handle, {a, work, info}, [=] {
    work[kWork - 1] = 0;
    *info = 0;
    const auto at = [=](int i, int j) -> T& { return a[size_t(j) * size_t(lda) + size_t(i)]; };
    for (int j = 0; j < n; ++j) {
      for (int i = 0; i <= j; ++i) {
        T sum = at(i, j);
        for (int k = 0; k < i; ++k) sum -= at(k, i) * at(k, j);
        if (i < j) {
          at(i, j) = sum / at(i, i);
        } else if (sum > 0) {
          at(j, j) = std::sqrt(sum);
        } else {
          *info = j + 1;
          return;
        }
      }
    }
  });
}

}  // namespace

extern "C" {

int cusolverDnCreate(void** handle) { return *handle = new Handle, 0; }
int cusolverDnSetStream(void* handle, void* stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return 0;
}
int cusolverDnSgetrf_bufferSize(void*, int, int, float*, int, int* size) { return *size = kWork, 0; }
int cusolverDnDgetrf_bufferSize(void*, int, int, double*, int, int* size) { return *size = kWork, 0; }
int cusolverDnSpotrf_bufferSize(void*, int, int, float*, int, int* size) { return *size = kWork, 0; }
int cusolverDnDpotrf_bufferSize(void*, int, int, double*, int, int* size) { return *size = kWork, 0; }
int cusolverDnSgetrf(void* h, int m, int n, float* a, int lda, float* work, int* pivots, int* info) {
  return getrf(h, m, n, a, lda, work, pivots, info);
}
int cusolverDnDgetrf(void* h, int m, int n, double* a, int lda, double* work, int* pivots, int* info) {
  return getrf(h, m, n, a, lda, work, pivots, info);
}
int cusolverDnSpotrf(void* h, int uplo, int n, float* a, int lda, float* work, int size, int* info) {
  return potrf(h, uplo, n, a, lda, work, size, info);
}
int cusolverDnDpotrf(void* h, int uplo, int n, double* a, int lda, double* work, int size, int* info) {
  return potrf(h, uplo, n, a, lda, work, size, info);
}

}  // extern "C"
