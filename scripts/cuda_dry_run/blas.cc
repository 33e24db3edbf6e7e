// NVIDIA's cuBLAS on the CPU: the products of matrices that ONNX Runtime's provider asks for, in the
// stream of their handle. For the dry run; see runtime.cc.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

extern "C" void fake_cuda_enqueue(void* stream, void (*run)(void*), void* data);
extern "C" void fake_cuda_use(void* stream, const void* address, size_t bytes, int how, const char* who);
extern "C" void fake_cuda_product();

#define BLAS extern "C" __attribute__((visibility("default"))) int

namespace {

constexpr int kNotSupported = 15;
constexpr int kFloat = 0, kDouble = 1;

struct Handle {
  void* stream = nullptr;
};

// Matrices that are read and the one that is written, of so many bytes.
struct Operand {
  const void* address;
  size_t bytes;
};
void put(void* handle, const std::vector<Operand>& from, const std::vector<Operand>& to,
         std::function<void()> task) {
  void* const stream = static_cast<Handle*>(handle)->stream;
  for (const Operand& x : from) fake_cuda_use(stream, x.address, x.bytes, 0, "cuBLAS");
  for (const Operand& x : to) fake_cuda_use(stream, x.address, x.bytes, 1, "cuBLAS");
  fake_cuda_product();
  fake_cuda_enqueue(
      stream,
      [](void* data) {
        auto* task = static_cast<std::function<void()>*>(data);
        (*task)();
        delete task;
      },
      new std::function<void()>(std::move(task)));
}

template <class T>
struct Product {
  int ta, tb, m, n, k;
  T alpha, beta;
  int lda, ldb, ldc;

  // Bytes from the first element of a matrix that lies by columns to its last.
  static size_t reach(int rows, int columns, int pitch) {
    return rows > 0 && columns > 0 ? sizeof(T) * (size_t(pitch) * size_t(columns - 1) + size_t(rows)) : 0;
  }
  size_t bytesA() const { return ta ? reach(k, m, lda) : reach(m, k, lda); }
  size_t bytesB() const { return tb ? reach(n, k, ldb) : reach(k, n, ldb); }
  size_t bytesC() const { return reach(m, n, ldc); }

  // Matrices lie by columns.
  void run(const T* a, const T* b, T* c) const {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        T sum = 0;
        for (int p = 0; p < k; ++p)
          sum += (ta ? a[p + ptrdiff_t(i) * lda] : a[i + ptrdiff_t(p) * lda]) *
                 (tb ? b[j + ptrdiff_t(p) * ldb] : b[p + ptrdiff_t(j) * ldb]);
        T& out = c[i + ptrdiff_t(j) * ldc];
        out = alpha * sum + (beta != 0 ? beta * out : 0);
      }
  }
};

template <class T>
int product(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int lda,
            int64_t strideA, const void* b, int ldb, int64_t strideB, const void* beta, void* c, int ldc,
            int64_t strideC, int count) {
  const Product<T> p{ta, tb, m, n, k, *static_cast<const T*>(alpha), *static_cast<const T*>(beta), lda, ldb, ldc};
  const size_t more = size_t(count > 0 ? count - 1 : 0) * sizeof(T);
  const Operand left{a, p.bytesA() + more * size_t(strideA)}, right{b, p.bytesB() + more * size_t(strideB)},
      out{c, p.bytesC() + more * size_t(strideC)};
  put(handle, {left, right}, {out}, [=] {
    for (int i = 0; i < count; ++i)
      p.run(static_cast<const T*>(a) + i * strideA, static_cast<const T*>(b) + i * strideB,
            static_cast<T*>(c) + i * strideC);
  });
  return 0;
}

template <class T>
int listed(void* handle, int ta, int tb, int m, int n, int k, const T* alpha, const T* const* a, int lda,
           const T* const* b, int ldb, const T* beta, T* const* c, int ldc, int count) {
  const Product<T> p{ta, tb, m, n, k, *alpha, *beta, lda, ldb, ldc};
  // Which matrices these are, only the device knows.
  const Operand lists[] = {{a, count * sizeof a}, {b, count * sizeof b}, {c, count * sizeof c}};
  put(handle, {lists[0], lists[1], lists[2]}, {}, [=] {
    for (int i = 0; i < count; ++i) p.run(a[i], b[i], c[i]);
  });
  return 0;
}

template <class T>
int copied(void* handle, int n, const T* x, int dx, T* y, int dy) {
  const auto bytes = [n](int step) { return n > 0 ? sizeof(T) * (size_t(n - 1) * size_t(step) + 1) : 0; };
  put(handle, {{x, bytes(dx)}}, {{y, bytes(dy)}}, [=] {
    for (int i = 0; i < n; ++i) y[ptrdiff_t(i) * dy] = x[ptrdiff_t(i) * dx];
  });
  return 0;
}

template <class T>
int sum(void* handle, int ta, int tb, int m, int n, const T* alpha, const T* a, int lda, const T* beta,
        const T* b, int ldb, T* c, int ldc) {
  const T x = *alpha, y = *beta;
  const auto reach = Product<T>::reach;
  std::vector<Operand> from;
  if (x != 0) from.push_back({a, ta ? reach(n, m, lda) : reach(m, n, lda)});
  if (y != 0) from.push_back({b, tb ? reach(n, m, ldb) : reach(m, n, ldb)});
  put(handle, from, {{c, reach(m, n, ldc)}}, [=] {
    for (int j = 0; j < n; ++j)
      for (int i = 0; i < m; ++i) {
        const T first = x != 0 ? x * (ta ? a[j + ptrdiff_t(i) * lda] : a[i + ptrdiff_t(j) * lda]) : 0;
        const T second = y != 0 ? y * (tb ? b[j + ptrdiff_t(i) * ldb] : b[i + ptrdiff_t(j) * ldb]) : 0;
        c[i + ptrdiff_t(j) * ldc] = first + second;
      }
  });
  return 0;
}

}  // namespace

BLAS cublasCreate_v2(void** handle) { return *handle = new Handle, 0; }
BLAS cublasDestroy_v2(void* handle) { return delete static_cast<Handle*>(handle), 0; }
BLAS cublasSetStream_v2(void* handle, void* stream) { return static_cast<Handle*>(handle)->stream = stream, 0; }
BLAS cublasGetMathMode(void*, int* mode) { return *mode = 0, 0; }
BLAS cublasSetMathMode(void*, int) { return 0; }
extern "C" const char* cublasGetStatusName(int) { return "CUBLAS_STATUS_FAKE"; }
extern "C" const char* cublasGetStatusString(int) { return "error of the fake cuBLAS"; }

#define GEMM(letter, T)                                                                                   \
  BLAS cublas##letter##gemm_v2(void* h, int ta, int tb, int m, int n, int k, const T* al, const T* a,     \
                               int lda, const T* b, int ldb, const T* be, T* c, int ldc) {                \
    return product<T>(h, ta, tb, m, n, k, al, a, lda, 0, b, ldb, 0, be, c, ldc, 0, 1);                    \
  }                                                                                                       \
  BLAS cublas##letter##gemmStridedBatched(void* h, int ta, int tb, int m, int n, int k, const T* al,      \
                                          const T* a, int lda, long long sa, const T* b, int ldb,         \
                                          long long sb, const T* be, T* c, int ldc, long long sc,         \
                                          int count) {                                                    \
    return product<T>(h, ta, tb, m, n, k, al, a, lda, sa, b, ldb, sb, be, c, ldc, sc, count);             \
  }                                                                                                       \
  BLAS cublas##letter##gemmBatched(void* h, int ta, int tb, int m, int n, int k, const T* al,             \
                                   const T* const* a, int lda, const T* const* b, int ldb, const T* be,   \
                                   T* const* c, int ldc, int count) {                                     \
    return listed<T>(h, ta, tb, m, n, k, al, a, lda, b, ldb, be, c, ldc, count);                          \
  }                                                                                                       \
  BLAS cublas##letter##copy_v2(void* h, int n, const T* x, int dx, T* y, int dy) {                        \
    return copied<T>(h, n, x, dx, y, dy);                                                                 \
  }                                                                                                       \
  BLAS cublas##letter##geam(void* h, int ta, int tb, int m, int n, const T* al, const T* a, int lda,      \
                            const T* be, const T* b, int ldb, T* c, int ldc) {                            \
    return sum<T>(h, ta, tb, m, n, al, a, lda, be, b, ldb, c, ldc);                                       \
  }
GEMM(S, float)
GEMM(D, double)

BLAS cublasGemmStridedBatchedEx(void* h, int ta, int tb, int m, int n, int k, const void* al, const void* a,
                                int typeA, int lda, long long sa, const void* b, int typeB, int ldb,
                                long long sb, const void* be, void* c, int typeC, int ldc, long long sc,
                                int count, int, int) {
  if (typeA != typeB || typeA != typeC) return kNotSupported;
  if (typeA == kFloat) return product<float>(h, ta, tb, m, n, k, al, a, lda, sa, b, ldb, sb, be, c, ldc, sc, count);
  if (typeA == kDouble) return product<double>(h, ta, tb, m, n, k, al, a, lda, sa, b, ldb, sb, be, c, ldc, sc, count);
  return kNotSupported;
}
BLAS cublasGemmEx(void* h, int ta, int tb, int m, int n, int k, const void* al, const void* a, int typeA,
                  int lda, const void* b, int typeB, int ldb, const void* be, void* c, int typeC, int ldc,
                  int compute, int algorithm) {
  return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, al, a, typeA, lda, 0, b, typeB, ldb, 0, be, c, typeC,
                                    ldc, 0, 1, compute, algorithm);
}
BLAS cublasSscal_v2(void* h, int n, const float* by, float* x, int dx) {
  const float factor = *by;
  const Operand all{x, n > 0 ? sizeof(float) * (size_t(n - 1) * size_t(dx) + 1) : 0};
  put(h, {}, {all}, [=] {
    for (int i = 0; i < n; ++i) x[ptrdiff_t(i) * dx] *= factor;
  });
  return 0;
}
