R"cuda(
extern "C" __global__ void __launch_bounds__(256) columns_f32(const WindowTask<float> task) {
  columns<float, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) fold_f32(const WindowTask<float> task) {
  fold<float, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) max_places_f32(const WindowTask<float> task) {
  maxPlaces<float, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) columns_f64(const WindowTask<double> task) {
  columns<double, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) fold_f64(const WindowTask<double> task) {
  fold<double, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) max_places_f64(const WindowTask<double> task) {
  maxPlaces<double, u32>(task);
}
extern "C" __global__ void __launch_bounds__(256) scatter_f32(const ScatterTask<float> task) { scatter(task); }
extern "C" __global__ void __launch_bounds__(256) scatter_f64(const ScatterTask<double> task) { scatter(task); }
)cuda"
