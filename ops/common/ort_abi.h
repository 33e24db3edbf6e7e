// Minimal hand-written view of the ONNX Runtime C ABI, version 30. The npm package that provides
// the library ships no headers, so the few functions in use are named here by their index in
// `OrtApi`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace torchopt::ort {

// The function table of the loaded ONNX Runtime. Set by torchopt_init, before any other call; Workers
// do so once each.
inline std::atomic<void**> api{nullptr};

constexpr uint32_t kApiVersion = 30;

struct Status;
struct Value;
struct KernelContext;
struct KernelInfo;
struct CustomOpDomain;
struct SessionOptions;
struct TensorTypeAndShapeInfo;

struct MemoryInfo;

struct Allocator {
  uint32_t version;
  void* (*Alloc)(Allocator*, size_t bytes);
  void (*Free)(Allocator*, void*);
};

struct ApiBase {
  void** (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

enum ErrorCode : int { kFail = 1, kInvalidArgument = 2 };
enum ElementType : int { kFloat = 1, kInt64 = 7, kDouble = 11 };
enum Characteristic : int { kRequired = 0, kOptional = 1, kVariadic = 2 };

struct CustomOp {
  uint32_t version;
  void* (*CreateKernel)(const CustomOp*, void** api, const KernelInfo*);
  const char* (*GetName)(const CustomOp*);
  const char* (*GetExecutionProviderType)(const CustomOp*);
  int (*GetInputType)(const CustomOp*, size_t);
  size_t (*GetInputTypeCount)(const CustomOp*);
  int (*GetOutputType)(const CustomOp*, size_t);
  size_t (*GetOutputTypeCount)(const CustomOp*);
  void (*KernelCompute)(void* kernel, KernelContext*);
  void (*KernelDestroy)(void* kernel);
  int (*GetInputCharacteristic)(const CustomOp*, size_t);
  int (*GetOutputCharacteristic)(const CustomOp*, size_t);
  int (*GetInputMemoryType)(const CustomOp*, size_t);
  int (*GetVariadicInputMinArity)(const CustomOp*);
  int (*GetVariadicInputHomogeneity)(const CustomOp*);
  int (*GetVariadicOutputMinArity)(const CustomOp*);
  int (*GetVariadicOutputHomogeneity)(const CustomOp*);
  Status* (*CreateKernelV2)(const CustomOp*, void** api, const KernelInfo*, void** kernel);
  Status* (*KernelComputeV2)(void* kernel, KernelContext*);
  Status* (*InferOutputShapeFn)(const CustomOp*, void*);
  int (*GetStartVersion)(const CustomOp*);
  int (*GetEndVersion)(const CustomOp*);
  size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};

// One entry of the table: its index and its signature.
template <size_t Index, class Signature>
struct Function;
template <size_t Index, class R, class... Args>
struct Function<Index, R(Args...)> {
  R operator()(Args... args) const {
    void** table = api.load(std::memory_order_acquire);
    return reinterpret_cast<R (*)(Args...)>(table[Index])(args...);
  }
};

inline constexpr Function<0, Status*(ErrorCode, const char*)> CreateStatus{};
inline constexpr Function<2, const char*(const Status*)> GetErrorMessage{};
inline constexpr Function<26, Status*(const char*, CustomOpDomain**)> CreateCustomOpDomain{};
inline constexpr Function<27, Status*(CustomOpDomain*, const CustomOp*)> CustomOpDomainAdd{};
inline constexpr Function<28, Status*(SessionOptions*, CustomOpDomain*)> AddCustomOpDomain{};
inline constexpr Function<51, Status*(Value*, void**)> GetTensorMutableData{};
inline constexpr Function<64, Status*(const TensorTypeAndShapeInfo*, size_t*)>
    GetTensorShapeElementCount{};
inline constexpr Function<65, Status*(const Value*, TensorTypeAndShapeInfo**)>
    GetTensorTypeAndShape{};
inline constexpr Function<86, Status*(const KernelInfo*, const char*, int64_t*)>
    KernelInfoGetAttributeInt64{};
inline constexpr Function<88, Status*(const KernelContext*, size_t*)> KernelContextGetInputCount{};
inline constexpr Function<89, Status*(const KernelContext*, size_t*)> KernelContextGetOutputCount{};
inline constexpr Function<90, Status*(const KernelContext*, size_t, const Value**)>
    KernelContextGetInput{};
inline constexpr Function<91, Status*(KernelContext*, size_t, const int64_t*, size_t, Value**)>
    KernelContextGetOutput{};
inline constexpr Function<93, void(Status*)> ReleaseStatus{};
inline constexpr Function<99, void(TensorTypeAndShapeInfo*)> ReleaseTensorTypeAndShapeInfo{};
inline constexpr Function<101, void(CustomOpDomain*)> ReleaseCustomOpDomain{};
inline constexpr Function<163, Status*(const KernelInfo*, const char*, int64_t*, size_t*)>
    KernelInfoGetAttributeArrayInt64{};
inline constexpr Function<193, Status*(const KernelContext*, void**)>
    KernelContextGetGPUComputeStream{};
inline constexpr Function<194, Status*(const Value*, const MemoryInfo**)> GetTensorMemoryInfo{};
inline constexpr Function<253, Status*(const KernelContext*, const MemoryInfo*, Allocator**)>
    KernelContextGetAllocator{};
inline constexpr Function<274, Status*(const KernelContext*, void (*)(void*, size_t), size_t,
                                       size_t, void*)>
    KernelContextParallelFor{};

}  // namespace torchopt::ort
