R"cuda(
// A block for each matrix. Small ones are copied to shared memory first; others stay where they are.
// `stage`: kStage elements. Rows there are an odd number of elements apart, so that a column lies in
// different banks.

template <class T>
struct Matrix {
  T* data;
  u64 pitch;
  __device__ __forceinline__ T& operator()(u32 i, u32 j) const { return data[i * pitch + j]; }
};

template <class T>
__device__ __forceinline__ bool fits(u32 m, u32 n) {
  return (u64)m * (n | 1) <= kStage;
}

template <class T>
__device__ __forceinline__ Matrix<T> load(const T* from, u32 m, u32 n, T* stage) {
  const Matrix<T> to = {stage, n | 1};
  for (u32 i = threadIdx.x; i < m * n; i += blockDim.x) to(i / n, i % n) = from[i];
  return to;
}

// The row from k on with the largest magnitude in column k, the first of equals. By one warp.
template <class T>
__device__ __forceinline__ u32 pivotRow(const Matrix<T>& a, u32 m, u32 k) {
  T best = -1;
  u32 row = k;
  for (u32 i = k + threadIdx.x; i < m; i += 32) {
    const T x = magnitude(a(i, k));
    if (x > best) best = x, row = i;
  }
#pragma unroll
  for (u32 by = 16; by > 0; by /= 2) {
    const T other = __shfl_xor_sync(kAll, best, by);
    const u32 otherRow = __shfl_xor_sync(kAll, row, by);
    if (other > best || (other == best && otherRow < row)) best = other, row = otherRow;
  }
  return row;
}

template <class T>
__device__ __forceinline__ void lu(const LuTask<T>& task, T* stage, u32* chosen) {
  const u32 m = task.m, n = task.n, steps = lesser(m, n);
  for (u64 b = blockIdx.x; b < task.count; b += gridDim.x) {
    T* const whole = task.a + b * m * n;
    i64* const order = task.order + b * m;
    i64* const pivots = task.pivots + b * steps;
    const bool staged = fits<T>(m, n);
    const Matrix<T> a = staged ? load<T>(whole, m, n, stage) : Matrix<T>{whole, n};
    for (u32 i = threadIdx.x; i < m; i += blockDim.x) order[i] = i;
    __syncthreads();
    for (u32 k = 0; k < steps; ++k) {
      if (threadIdx.x < 32) {
        const u32 row = pivotRow(a, m, k);
        if (threadIdx.x == 0) {
          *chosen = row;
          pivots[k] = row;
          const i64 moved = order[k];
          order[k] = order[row];
          order[row] = moved;
        }
      }
      __syncthreads();
      const u32 row = *chosen;
      if (row != k) {
        for (u32 j = threadIdx.x; j < n; j += blockDim.x) {
          const T x = a(k, j);
          a(k, j) = a(row, j);
          a(row, j) = x;
        }
        __syncthreads();
      }
      const T pivot = a(k, k);
      if (pivot != 0) {
        for (u32 i = k + 1 + threadIdx.x; i < m; i += blockDim.x) a(i, k) /= pivot;
      }
      __syncthreads();
      const u32 width = n - k - 1;
      for (u64 e = threadIdx.x; e < (u64)(m - k - 1) * width; e += blockDim.x) {
        const u32 i = k + 1 + (u32)(e / width), j = k + 1 + (u32)(e % width);
        a(i, j) -= a(i, k) * a(k, j);
      }
      __syncthreads();
    }
    if (staged) {
      for (u32 i = threadIdx.x; i < m * n; i += blockDim.x) whole[i] = a(i / n, i % n);
      __syncthreads();
    }
  }
}

template <class T>
__device__ __forceinline__ void cholesky(const CholeskyTask<T>& task, T* stage) {
  const T nan = (T)__longlong_as_double(0x7ff8000000000000ll);
  const u32 n = task.n;
  for (u64 b = blockIdx.x; b < task.count; b += gridDim.x) {
    T* const whole = task.a + b * n * n;
    const Matrix<T> a = fits<T>(n, n) ? load<T>(whole, n, n, stage) : Matrix<T>{whole, n};
    __syncthreads();
    for (u32 k = 0; k < n; ++k) {
      const T square = a(k, k), diagonal = square > 0 ? root(square) : nan;
      for (u32 i = k + 1 + threadIdx.x; i < n; i += blockDim.x) a(i, k) /= diagonal;
      __syncthreads();
      // Nobody reads this element any more.
      if (threadIdx.x == 0) a(k, k) = diagonal;
      const u32 rest = n - k - 1;
      for (u64 e = threadIdx.x; e < (u64)rest * rest; e += blockDim.x) {
        const u32 i = k + 1 + (u32)(e / rest), j = k + 1 + (u32)(e % rest);
        if (j <= i) a(i, j) -= a(i, k) * a(j, k);
      }
      __syncthreads();
    }
    // NaN on the diagonal reaches the last element.
    const bool failed = isNan(a(n - 1, n - 1));
    __syncthreads();
    for (u64 e = threadIdx.x; e < (u64)n * n; e += blockDim.x) {
      const u32 i = (u32)(e / n), j = (u32)(e % n);
      whole[e] = j > i ? T(0) : failed ? nan : a(i, j);
    }
    __syncthreads();
  }
}

// A block for each tile of kTile columns of a right side.
template <class T>
__device__ __forceinline__ void triangular(const TriangularTask<T>& task, T* stage) {
  const u32 n = task.n, tiles = (task.columns + kTile - 1) / kTile;
  for (u64 b = blockIdx.x; b < task.count * tiles; b += gridDim.x) {
    const u32 first = (u32)(b % tiles) * kTile, width = lesser(kTile, task.columns - first);
    const T* const whole = task.t + b / tiles * n * n;
    const Matrix<const T> t = fits<T>(n, n) ? Matrix<const T>{load<T>(whole, n, n, stage).data, n | 1}
                                            : Matrix<const T>{whole, n};
    const Matrix<T> x = {task.b + b / tiles * n * task.columns + first, task.columns};
    __syncthreads();
    for (u32 step = 0; step < n; ++step) {
      const u32 k = task.backward ? n - 1 - step : step;
      if (!task.unit) {
        for (u32 j = threadIdx.x; j < width; j += blockDim.x) x(k, j) /= t(k, k);
        __syncthreads();
      }
      for (u64 e = threadIdx.x; e < (u64)(n - 1 - step) * width; e += blockDim.x) {
        const u32 i = (task.backward ? 0 : k + 1) + (u32)(e / width), j = (u32)(e % width);
        x(i, j) -= (task.transpose ? t(k, i) : t(i, k)) * x(k, j);
      }
      __syncthreads();
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) lu_f32(const LuTask<float> task) {
  __shared__ float stage[kStage];
  __shared__ u32 chosen;
  lu(task, stage, &chosen);
}
extern "C" __global__ void __launch_bounds__(256) cholesky_f32(const CholeskyTask<float> task) {
  __shared__ float stage[kStage];
  cholesky(task, stage);
}
extern "C" __global__ void __launch_bounds__(256) triangular_f32(const TriangularTask<float> task) {
  __shared__ float stage[kStage];
  triangular(task, stage);
}
extern "C" __global__ void __launch_bounds__(256) lu_f64(const LuTask<double> task) {
  __shared__ double stage[kStage];
  __shared__ u32 chosen;
  lu(task, stage, &chosen);
}
extern "C" __global__ void __launch_bounds__(256) cholesky_f64(const CholeskyTask<double> task) {
  __shared__ double stage[kStage];
  cholesky(task, stage);
}
extern "C" __global__ void __launch_bounds__(256) triangular_f64(const TriangularTask<double> task) {
  __shared__ double stage[kStage];
  triangular(task, stage);
}
)cuda"
