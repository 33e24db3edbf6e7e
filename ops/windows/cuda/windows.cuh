R"cuda(
// A thread for each element of the result. I: u32 where all counts fit, since division takes a while.

template <class I>
__device__ __forceinline__ I product(const WindowShape& s, const u64* list) {
  I n = 1;
  for (u32 d = 0; d < s.rank; ++d) n *= (I)list[d];
  return n;
}

// Place in the plane of what a tap meets at a position; -1 outside of it.
template <class I>
__device__ __forceinline__ i64 placeOf(const WindowShape& s, I tap, I position) {
  i64 place = 0, step = 1;
  bool inside = true;
  for (u32 d = s.rank; d-- > 0;) {
    const I k = tap % (I)s.kernel[d], o = position % (I)s.out[d];
    tap /= (I)s.kernel[d];
    position /= (I)s.out[d];
    const i64 at = (i64)(o * (I)s.strides[d]) + (i64)(k * (I)s.dilations[d]) - (i64)s.low[d];
    inside = inside && at >= 0 && at < (i64)s.sizes[d];
    place += at * step;
    step *= (i64)s.sizes[d];
  }
  return inside ? place : -1;
}

// columns [example, channel, tap; sample, position]
template <class T, class I>
__device__ __forceinline__ void columns(const WindowTask<T>& task) {
  const WindowShape& s = task.shape;
  const I taps = product<I>(s, s.kernel), positions = product<I>(s, s.out), plane = product<I>(s, s.sizes);
  const I width = (I)s.samples * positions, all = (I)(s.examples * s.channels) * taps * width;
  for (u64 index = threadNumber(); index < all; index += threadCount()) {
    const I row = (I)index / width, column = (I)index % width;
    const I tap = row % taps, channel = row / taps % (I)s.channels, example = row / taps / (I)s.channels;
    const I sample = column / positions;
    const i64 place = placeOf<I>(s, tap, column % positions);
    const I number = (example * (I)s.samples + sample) * (I)s.channels + channel;
    task.out[index] = place < 0 ? T(0) : task.in[(u64)number * plane + (u64)place];
  }
}

// The adjoint: each element of x gathers what was copied from it, tap by tap.
template <class T, class I>
__device__ __forceinline__ void fold(const WindowTask<T>& task) {
  const WindowShape& s = task.shape;
  const I taps = product<I>(s, s.kernel), positions = product<I>(s, s.out), plane = product<I>(s, s.sizes);
  const I width = (I)s.samples * positions, all = (I)(s.examples * s.samples * s.channels) * plane;
  for (u64 index = threadNumber(); index < all; index += threadCount()) {
    const I number = (I)index / plane, within = (I)index % plane;
    const I channel = number % (I)s.channels, sample = number / (I)s.channels % (I)s.samples;
    const I example = number / (I)s.channels / (I)s.samples;
    const T* in = task.in + (u64)((example * (I)s.channels + channel) * taps) * width +
                  (u64)sample * positions;
    T sum = 0;
    for (I tap = 0; tap < taps; ++tap) {
      I k = tap, rest = within, position = 0, step = 1;
      bool meets = true;
      for (u32 d = s.rank; d-- > 0;) {
        const i64 at = (i64)(rest % (I)s.sizes[d]) + (i64)s.low[d] -
                       (i64)(k % (I)s.kernel[d] * (I)s.dilations[d]);
        const I stride = (I)s.strides[d];
        rest /= (I)s.sizes[d];
        k /= (I)s.kernel[d];
        meets = meets && at >= 0 && (I)at % stride == 0 && (I)at / stride < (I)s.out[d];
        position += (I)at / stride * step;
        step *= (I)s.out[d];
      }
      if (meets) sum += in[(u64)tap * width + position];
    }
    task.out[index] = sum;
  }
}

// Largest element of each window and its place in the example; the first of equals, NaN before all.
template <class T, class I>
__device__ __forceinline__ void maxPlaces(const WindowTask<T>& task) {
  const WindowShape& s = task.shape;
  const I taps = product<I>(s, s.kernel), positions = product<I>(s, s.out), plane = product<I>(s, s.sizes);
  const I each = (I)(s.samples * s.channels), all = (I)s.examples * each * positions;
  for (u64 index = threadNumber(); index < all; index += threadCount()) {
    const I number = (I)index / positions;
    const T* in = task.in + (u64)number * plane;
    i64 best = -1;
    T value = (T)__longlong_as_double((i64)0xfff0000000000000ull);
    for (I tap = 0; tap < taps; ++tap) {
      const i64 place = placeOf<I>(s, tap, (I)index % positions);
      if (place < 0) continue;
      const T x = in[place];
      if (best < 0 || x > value || (isNan(x) && !isNan(value))) {
        best = place;
        value = x;
      }
    }
    task.out[index] = value;
    task.places[index] = (i64)((u64)(number % each) * plane) + best;
  }
}

// Rows of zeros to which numbers are added at places. A wrong place makes its row NaN: a kernel cannot
// throw, and nothing goes on unnoticed.
template <class T>
__device__ __forceinline__ void scatter(const ScatterTask<T>& task) {
  const T nan = (T)__longlong_as_double(0x7ff8000000000000ll);
  for (u64 i = threadNumber(); i < task.rows * task.count; i += threadCount()) {
    T* row = task.out + i / task.count * task.size;
    const i64 given = task.places[i], place = given < 0 ? given + (i64)task.size : given;
    if (place >= 0 && place < (i64)task.size) {
      atomicAdd(row + place, task.source[i]);
    } else {
      for (u64 k = 0; k < task.size; ++k) atomicAdd(row + k, nan);
    }
  }
}

)cuda"
