R"cuda(
// Minus zero is what changes no number that is added to it.
template <class T>
__device__ __forceinline__ T* lineStart(T* data, const SumTask<T>& task, u64 line) {
  const u64 first = task.reverse ? (task.size - 1) * task.inner : 0;
  return data + line / task.inner * task.size * task.inner + line % task.inner + first;
}

// A thread for each line: for many lines, or short ones.
template <class T>
__device__ __forceinline__ void sumLines(const SumTask<T>& task) {
  const i64 step = task.reverse ? -(i64)task.inner : (i64)task.inner;
  for (u64 line = threadNumber(); line < task.outer * task.inner; line += threadCount()) {
    const T* x = lineStart<T>((T*)task.x, task, line);
    T* y = lineStart<T>(task.y, task, line);
    double sum = task.exclusive ? 0.0 : -0.0;
    for (u64 i = 0; i < task.size; ++i, x += step, y += step) {
      const double next = sum + (double)*x;
      *y = (T)(task.exclusive ? sum : next);
      sum = next;
    }
  }
}

// A block of 256 threads for each line. `totals`: shared, for 8 warps.
template <class T>
__device__ __forceinline__ void scanLines(const SumTask<T>& task, double* totals) {
  const i64 step = task.reverse ? -(i64)task.inner : (i64)task.inner;
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (u64 line = blockIdx.x; line < task.outer * task.inner; line += gridDim.x) {
    const T* x = lineStart<T>((T*)task.x, task, line);
    T* y = lineStart<T>(task.y, task, line);
    double carry = task.exclusive ? 0.0 : -0.0;
    for (u64 begin = 0; begin < task.size; begin += blockDim.x) {
      const u64 i = begin + threadIdx.x;
      double sum = i < task.size ? (double)x[(i64)i * step] : -0.0;
#pragma unroll
      for (u32 by = 1; by < 32; by *= 2) {
        const double below = __shfl_up_sync(kAll, sum, by);
        if (lane >= by) sum += below;
      }
      if (lane == 31) totals[warp] = sum;
      __syncthreads();
      double before = -0.0, all = -0.0;
      for (u32 w = 0; w < blockDim.x / 32; ++w) {
        if (w == warp) before = all;
        all += totals[w];
      }
      const double below = __shfl_up_sync(kAll, sum, 1);
      if (task.exclusive) sum = lane == 0 ? -0.0 : below;
      if (i < task.size) y[(i64)i * step] = (T)(carry + (before + sum));
      carry += all;
      __syncthreads();
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) sum_lines_f32(const SumTask<float> task) { sumLines(task); }
extern "C" __global__ void __launch_bounds__(256) sum_lines_f64(const SumTask<double> task) { sumLines(task); }
extern "C" __global__ void __launch_bounds__(256) scan_lines_f32(const SumTask<float> task) {
  __shared__ double totals[8];
  scanLines(task, totals);
}
extern "C" __global__ void __launch_bounds__(256) scan_lines_f64(const SumTask<double> task) {
  __shared__ double totals[8];
  scanLines(task, totals);
}
)cuda"
