R"cuda(
// What every kernel may use. The text is compiled by NVRTC, by nvcc, and for tests by g++ (testing/).
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

constexpr u32 kAll = 0xffffffffu;

// The number of this thread among all, and of all.
__device__ __forceinline__ u64 threadNumber() { return (u64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ u64 threadCount() { return (u64)gridDim.x * blockDim.x; }

// Sixteen bytes that are read and written at once.
template <class T>
struct __align__(16) Pack {
  T v[16 / sizeof(T)];
};

template <class T>
__device__ __forceinline__ bool isNan(T x) { return x != x; }

template <class T>
__device__ __forceinline__ T lesser(T a, T b) { return b < a ? b : a; }

__device__ __forceinline__ float root(float x) { return sqrtf(x); }
__device__ __forceinline__ double root(double x) { return sqrt(x); }
__device__ __forceinline__ float magnitude(float x) { return fabsf(x); }
__device__ __forceinline__ double magnitude(double x) { return fabs(x); }
)cuda"
