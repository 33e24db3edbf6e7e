R"cuda(
// The numbers of random.inc, to the last bit: the same operations in the same order, each rounded.
struct Words {
  u32 w[4];
};

__device__ __forceinline__ Words philox(u64 counter, u32 k0, u32 k1) {
  u32 c0 = (u32)counter, c1 = (u32)(counter >> 32), c2 = 0, c3 = 0;
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
    c0 = (u32)(p1 >> 32) ^ c1 ^ k0;
    c1 = (u32)p1;
    c2 = (u32)(p0 >> 32) ^ c3 ^ k1;
    c3 = (u32)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// A number from [0, 1) with 53 random bits.
__device__ __forceinline__ double fraction(u32 a, u32 b) {
  return ((double)(a >> 5) * 67108864.0 + (double)(b >> 6)) * 0x1p-53;
}

// log(x) for normal x > 0 (fdlibm's e_log.c).
__device__ __forceinline__ double logarithm(double x) {
  const u64 bits = (u64)__double_as_longlong(x);
  const double m = __longlong_as_double((i64)((bits & 0x000fffffffffffffull) | 0x3ff0000000000000ull));
  const double e = (double)(u32)(bits >> 52) - 1023.0;
  const bool large = m > 1.4142135623730951;
  const double k = large ? e + 1.0 : e;
  const double f = (large ? m * 0.5 : m) - 1.0;
  const double s = f / (2.0 + f), z = s * s, w = z * z;
  const double t1 =
      w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double t2 =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 +
                w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double r = t2 + t1, half = 0.5 * f * f;
  return k * 6.93147180369123816490e-01 -
         ((half - (s * (half + r) + k * 1.90821492927058770002e-10)) - f);
}

// Two normal numbers from u in (0, 1] and v in [0, 1) (G. Box, M. Muller, 1958).
__device__ __forceinline__ void boxMuller(double u, double v, double& x, double& y) {
  const double radius = sqrt(-2.0 * logarithm(u));
  const double t = 4.0 * v;
  const double q = (double)(int)(t + 0.5), a = (t - q) * 1.5707963267948966, z = a * a;
  const double s =
      a + a * z *
              (-1.66666666666666324348e-01 +
               z * (8.33333333332248946124e-03 +
                    z * (-1.98412698298579493134e-04 +
                         z * (2.75573137070700676789e-06 +
                              z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
  const double c =
      (1.0 - 0.5 * z) +
      z * z *
          (4.16666666666666019037e-02 +
           z * (-1.38888888888741095749e-03 +
                z * (2.48015872894767294178e-05 +
                     z * (-2.75573143513906633035e-07 +
                          z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  const bool odd = q == 1.0 || q == 3.0;
  const double cosine = odd ? s : c, sine = odd ? c : s;
  x = radius * (q == 1.0 || q == 2.0 ? -cosine : cosine);
  y = radius * (q == 2.0 || q == 3.0 ? -sine : sine);
}

template <bool normal>
__device__ __forceinline__ void numbers(const Words& words, float* out) {
  const u32* w = words.w;
#pragma unroll
  for (int j = 0; j < 4; j += 2) {
    if (normal) {
      double a, b;
      boxMuller(((double)w[j] + 1.0) * 0x1p-32, (double)w[j + 1] * 0x1p-32, a, b);
      out[j] = (float)a;
      out[j + 1] = (float)b;
    } else {
      out[j] = (float)(int)(w[j] >> 8) * 0x1p-24f;
      out[j + 1] = (float)(int)(w[j + 1] >> 8) * 0x1p-24f;
    }
  }
}
template <bool normal>
__device__ __forceinline__ void numbers(const Words& words, double* out) {
  const double a = fraction(words.w[0], words.w[1]), b = fraction(words.w[2], words.w[3]);
  if (normal) {
    boxMuller(1.0 - a, b, out[0], out[1]);
  } else {
    out[0] = a;
    out[1] = b;
  }
}

template <class T, bool normal>
__device__ __forceinline__ void fill(const RandomTask<T>& task) {
  constexpr u32 kPer = 16 / sizeof(T);
  for (u64 at = threadNumber() * kPer; at < task.count; at += threadCount() * kPer) {
    Pack<T> made;
    numbers<normal>(philox(task.offset + at / kPer, task.keyLow, task.keyHigh), made.v);
    if (at + kPer <= task.count && (u64)task.out % 16 == 0) {
      *(Pack<T>*)(task.out + at) = made;
    } else {
#pragma unroll
      for (u32 k = 0; k < kPer; ++k) {
        if (at + k < task.count) task.out[at + k] = made.v[k];
      }
    }
  }
}

extern "C" __global__ void __launch_bounds__(256) uniform_f32(const RandomTask<float> task) {
  fill<float, false>(task);
}
extern "C" __global__ void __launch_bounds__(256) uniform_f64(const RandomTask<double> task) {
  fill<double, false>(task);
}
extern "C" __global__ void __launch_bounds__(256) normal_f32(const RandomTask<float> task) {
  fill<float, true>(task);
}
extern "C" __global__ void __launch_bounds__(256) normal_f64(const RandomTask<double> task) {
  fill<double, true>(task);
}
)cuda"
