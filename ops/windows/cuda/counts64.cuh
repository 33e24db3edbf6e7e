R"cuda(
extern "C" __global__ void __launch_bounds__(256, 1) columns_f32(const WindowTask<float> task) {
  columns<float, u64>(task);
}
extern "C" __global__ void __launch_bounds__(256, 1) fold_f32(const WindowTask<float> task) {
  fold<float, u64>(task);
}
extern "C" __global__ void __launch_bounds__(256, 1) max_places_f32(const WindowTask<float> task) {
  maxPlaces<float, u64>(task);
}
extern "C" __global__ void __launch_bounds__(256, 1) columns_f64(const WindowTask<double> task) {
  columns<double, u64>(task);
}
extern "C" __global__ void __launch_bounds__(256, 1) fold_f64(const WindowTask<double> task) {
  fold<double, u64>(task);
}
extern "C" __global__ void __launch_bounds__(256, 1) max_places_f64(const WindowTask<double> task) {
  maxPlaces<double, u64>(task);
}
)cuda"
