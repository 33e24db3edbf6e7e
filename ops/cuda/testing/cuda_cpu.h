// CUDA C++ for g++: what the text of a kernel may use, on the CPU. fake_cuda.cc puts this in front of it.
//
// Each CUDA thread is a fiber. They take turns at barriers and shuffles only, in an order that changes
// from launch to launch, so that a missing barrier shows in the results, and under ThreadSanitizer, to
// which fibers are threads, as a race. Blocks run one after another.
//
// Shared memory is declared in a kernel itself, not in functions that it calls, and is full of NaN when a
// block begins.
#pragma once

#include <math.h>
#include <stddef.h>

#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#if defined(__SANITIZE_ADDRESS__)
#define __shared__ static  // with room around it that must not be touched
#else
#define __shared__ static __attribute__((section("cuda_shared")))
#endif

namespace cuda_cpu {

struct Index {
  unsigned x, y, z;
};

// Who runs.
struct Thread {
  Index thread, block, threads, blocks;
};

extern "C" {
const Thread* cuda_cpu_thread();
void cuda_cpu_barrier(int line);
void cuda_cpu_warp_barrier(unsigned mask, int line);
// The value of lane `from` of the warp; one's own where there is no such lane.
unsigned long long cuda_cpu_exchange(unsigned mask, unsigned long long value, int from, int line);
// Bit i: what lane i said.
unsigned cuda_cpu_ballot(unsigned mask, int predicate, int line);
}

inline int lane() { return int(cuda_cpu_thread()->thread.x % 32); }

template <class T>
T exchange(unsigned mask, T value, int from, int line) {
  static_assert(sizeof(T) <= 8, "shuffles take up to eight bytes");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = cuda_cpu_exchange(mask, bits, from, line);
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

template <class To, class From>
To bitsOf(From value) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To result;
  __builtin_memcpy(&result, &value, sizeof value);
  return result;
}

template <class T, class Change>
T atomically(T* address, Change change) {
  T before, after;
  __atomic_load(address, &before, __ATOMIC_RELAXED);
  do {
    after = change(before);
  } while (!__atomic_compare_exchange(address, &before, &after, false, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED));
  return before;
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void** parameters, std::index_sequence<I...>) {
  kernel(*static_cast<std::remove_const_t<A>*>(parameters[I])...);
}
template <class... A>
void call(void (*kernel)(A...), void** parameters) {
  call(kernel, parameters, std::index_sequence_for<A...>());
}
template <class... A>
const size_t* sizes(void (*)(A...)) {
  static const size_t list[] = {sizeof(A)..., 0};
  return list;
}

}  // namespace cuda_cpu

// What the launch of a kernel needs: a way to call it, and the sizes of its parameters.
#define CUDA_CPU_EXPORT(name)                                                              \
  extern "C" void cuda_cpu_call_##name(void** parameters) { cuda_cpu::call(name, parameters); } \
  extern "C" const size_t* cuda_cpu_sizes_##name() { return cuda_cpu::sizes(name); }

#define threadIdx (cuda_cpu::cuda_cpu_thread()->thread)
#define blockIdx (cuda_cpu::cuda_cpu_thread()->block)
#define blockDim (cuda_cpu::cuda_cpu_thread()->threads)
#define gridDim (cuda_cpu::cuda_cpu_thread()->blocks)
#define warpSize 32

#define __syncthreads() cuda_cpu::cuda_cpu_barrier(__LINE__)
#define __syncwarp(...) cuda_cpu::cuda_cpu_warp_barrier(~0u, __LINE__)
#define __shfl_sync(mask, value, from) \
  cuda_cpu::exchange((mask), (value), int(from) & 31, __LINE__)
#define __shfl_xor_sync(mask, value, bits) \
  cuda_cpu::exchange((mask), (value), cuda_cpu::lane() ^ int(bits), __LINE__)
#define __shfl_down_sync(mask, value, by) \
  cuda_cpu::exchange((mask), (value), cuda_cpu::lane() + int(by), __LINE__)
#define __shfl_up_sync(mask, value, by) \
  cuda_cpu::exchange((mask), (value), cuda_cpu::lane() - int(by), __LINE__)
#define __ballot_sync(mask, predicate) cuda_cpu::cuda_cpu_ballot((mask), (predicate) != 0, __LINE__)
#define __any_sync(mask, predicate) (__ballot_sync(mask, predicate) != 0)
#define __all_sync(mask, predicate) (__ballot_sync(mask, predicate) == (mask))

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

template <class T>
T atomicAdd(T* address, T value) {
  return cuda_cpu::atomically(address, [=](T x) { return x + value; });
}
template <class T>
T atomicMax(T* address, T value) {
  return cuda_cpu::atomically(address, [=](T x) { return x < value ? value : x; });
}
template <class T>
T atomicMin(T* address, T value) {
  return cuda_cpu::atomically(address, [=](T x) { return value < x ? value : x; });
}
template <class T>
T atomicExch(T* address, T value) {
  return cuda_cpu::atomically(address, [=](T) { return value; });
}
template <class T>
T atomicOr(T* address, T value) {
  return cuda_cpu::atomically(address, [=](T x) { return x | value; });
}
template <class T>
T atomicCAS(T* address, T compare, T value) {
  return cuda_cpu::atomically(address, [=](T x) { return x == compare ? value : x; });
}

template <class T>
T __ldg(const T* address) { return *address; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(unsigned(x)); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return unsigned((unsigned long long)a * b >> 32);
}
inline float __int_as_float(int x) { return cuda_cpu::bitsOf<float>(x); }
inline int __float_as_int(float x) { return cuda_cpu::bitsOf<int>(x); }
inline unsigned __float_as_uint(float x) { return cuda_cpu::bitsOf<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return cuda_cpu::bitsOf<float>(x); }
inline double __longlong_as_double(long long x) { return cuda_cpu::bitsOf<double>(x); }
inline long long __double_as_longlong(double x) { return cuda_cpu::bitsOf<long long>(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
