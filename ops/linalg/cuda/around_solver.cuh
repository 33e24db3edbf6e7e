R"cuda(
// Around a factorization by cuSOLVER, whose matrices lie column by column.

// out [n, m] = in [m, n], transposed.
template <class T>
__device__ __forceinline__ void transpose(const TransposeTask<T>& task) {
  for (u64 i = threadNumber(); i < (u64)task.m * task.n; i += threadCount()) {
    task.out[i % task.n * task.m + i / task.n] = task.in[i];
  }
}

// Pivots from 1 become pivots from 0 and the order of the rows. By one thread: each exchange needs those
// before it.
extern "C" __global__ void pivots(const PivotTask task) {
  if (threadNumber() != 0) return;
  for (u32 i = 0; i < task.m; ++i) task.order[i] = i;
  for (u32 k = 0; k < task.steps; ++k) {
    const i64 row = task.from[k] - 1, moved = task.order[k];
    task.pivots[k] = row;
    task.order[k] = task.order[row];
    task.order[row] = moved;
  }
}

// Zeros above the diagonal, and NaN below where the matrix was not positive definite.
template <class T>
__device__ __forceinline__ void clearUpper(const ClearTask<T>& task) {
  const T nan = (T)__longlong_as_double(0x7ff8000000000000ll);
  const bool failed = *task.info != 0;
  for (u64 i = threadNumber(); i < (u64)task.n * task.n; i += threadCount()) {
    if (i % task.n > i / task.n) task.a[i] = 0;
    else if (failed) task.a[i] = nan;
  }
}

extern "C" __global__ void __launch_bounds__(256) transpose_f32(const TransposeTask<float> task) { transpose(task); }
extern "C" __global__ void __launch_bounds__(256) transpose_f64(const TransposeTask<double> task) { transpose(task); }
extern "C" __global__ void __launch_bounds__(256) clear_f32(const ClearTask<float> task) { clearUpper(task); }
extern "C" __global__ void __launch_bounds__(256) clear_f64(const ClearTask<double> task) { clearUpper(task); }
)cuda"
