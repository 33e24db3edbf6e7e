// The exported functions: thin wrappers, so that JavaScript makes one fast call for a whole run
// instead of one slow call through a function pointer for each step of it.

#include "plan.h"

#define TORCHOPT_EXPORT extern "C" __attribute__((visibility("default")))

// Changes with any change of an exported function; ops_library.ts asks for the same number.
TORCHOPT_EXPORT int32_t torchopt_abi_version() { return 1; }

// Returns 1, or 0 where the library is older than the API this was written for.
TORCHOPT_EXPORT int32_t torchopt_init(const torchopt::ort::ApiBase* base) {
  torchopt_api = base->GetApi(torchopt::ort::kApiVersion);
  return torchopt_api ? 1 : 0;
}

// A double holds every address of user space exactly, and is what JavaScript computes with.
TORCHOPT_EXPORT double torchopt_address(const void* buffer) {
  return static_cast<double>(reinterpret_cast<uintptr_t>(buffer));
}

TORCHOPT_EXPORT torchopt::Plan* torchopt_plan_create(torchopt::Session* session,
                                                     torchopt::MemoryInfo* memory,
                                                     const int64_t* words) {
  return new torchopt::Plan(session, memory, words);
}

TORCHOPT_EXPORT torchopt::ort::Status* torchopt_plan_run(torchopt::Plan* plan,
                                                         const double* slots) {
  return plan->Run(slots);
}

TORCHOPT_EXPORT void torchopt_plan_release(torchopt::Plan* plan) { delete plan; }
