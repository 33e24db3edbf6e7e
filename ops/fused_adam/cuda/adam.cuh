R"cuda(
// One step over a chunk of a tensor at a time; blocks go through the chunks of all tensors. Outputs may be
// the memory of inputs: a thread reads all of an element before it writes any.
template <class T, bool Apply>
struct AdamRule {
  T b1, omb1, b2, omb2, eps, epsRoot, s, wd, r1, r2;

  __device__ __forceinline__ void operator()(T g, T& m, T& v, T p, T& u) const {
    m = b1 * m + omb1 * g;
    v = b2 * v + omb2 * (g * g);
    u = m * r1 / (root(v * r2 + epsRoot) + eps);
    if (Apply) u = p + s * (wd * p + u);
  }
};

template <class T, bool Apply>
__device__ __forceinline__ void adamChunk(const AdamRule<T, Apply>& rule, const AdamPlace<T>& t, u64 begin,
                                          u64 end) {
  constexpr u32 kLanes = 16 / sizeof(T);
  const u64 bits = (u64)t.g | (u64)t.m | (u64)t.v | (u64)t.p | (u64)t.u | (u64)t.mOut | (u64)t.vOut;
  u64 single = begin;
  if (bits % 16 == 0) {
    single = begin + (end - begin) / kLanes * kLanes;
    for (u64 i = begin + threadIdx.x * kLanes; i < single; i += blockDim.x * kLanes) {
      const Pack<T> g = *(const Pack<T>*)(t.g + i);
      Pack<T> m = *(const Pack<T>*)(t.m + i), v = *(const Pack<T>*)(t.v + i), p = g, u;
      if (Apply) p = *(const Pack<T>*)(t.p + i);
#pragma unroll
      for (u32 k = 0; k < kLanes; ++k) rule(g.v[k], m.v[k], v.v[k], p.v[k], u.v[k]);
      *(Pack<T>*)(t.mOut + i) = m;
      *(Pack<T>*)(t.vOut + i) = v;
      *(Pack<T>*)(t.u + i) = u;
    }
  }
  for (u64 i = single + threadIdx.x; i < end; i += blockDim.x) {
    T m = t.m[i], v = t.v[i], u;
    rule(t.g[i], m, v, Apply ? t.p[i] : T(0), u);
    t.mOut[i] = m;
    t.vOut[i] = v;
    t.u[i] = u;
  }
}

template <class T, bool Apply>
__device__ __forceinline__ void adamAll(const AdamBatch<T>& batch) {
  AdamRule<T, Apply> rule = {*batch.b1, *batch.omb1, *batch.b2, *batch.omb2, *batch.eps, *batch.epsRoot};
  rule.s = Apply ? *batch.s : T(0);
  rule.wd = Apply ? *batch.wd : T(0);
  u32 at = 0;
  for (u32 chunk = blockIdx.x; chunk < batch.firstChunk[batch.count]; chunk += gridDim.x) {
    while (chunk >= batch.firstChunk[at + 1]) ++at;
    const AdamPlace<T>& t = batch.tensors[at];
    // The two bias corrections become factors, as on the CPU.
    rule.r1 = 1 / *t.c1;
    rule.r2 = 1 / *t.c2;
    const u64 begin = (u64)(chunk - batch.firstChunk[at]) * kAdamChunk;
    adamChunk<T, Apply>(rule, t, begin, lesser<u64>(begin + kAdamChunk, t.size));
  }
}

extern "C" __global__ void __launch_bounds__(256) adam_f32(const __grid_constant__ AdamBatch<float> batch) {
  adamAll<float, false>(batch);
}
extern "C" __global__ void __launch_bounds__(256) adam_apply_f32(const __grid_constant__ AdamBatch<float> batch) {
  adamAll<float, true>(batch);
}
extern "C" __global__ void __launch_bounds__(256) adam_f64(const __grid_constant__ AdamBatch<double> batch) {
  adamAll<double, false>(batch);
}
extern "C" __global__ void __launch_bounds__(256) adam_apply_f64(const __grid_constant__ AdamBatch<double> batch) {
  adamAll<double, true>(batch);
}
)cuda"
