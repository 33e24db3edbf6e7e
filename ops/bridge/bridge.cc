// The exported functions: thin wrappers, so that JavaScript makes one fast call for a whole run
// instead of one slow call through a function pointer for each step of it.

#include "../common/errors.h"
#include "../common/export.h"
#include "plan.h"

// Changes with any change of an exported function; ops_library.ts asks for the same number.
TORCHOPT_EXPORT int32_t torchopt_abi_version() { return 4; }

// Returns 1, or 0 where the library is older than the API this was written for.
TORCHOPT_EXPORT int32_t torchopt_init(const torchopt::ort::ApiBase* base) {
  void** api = base->GetApi(torchopt::ort::kApiVersion);
  if (api != nullptr) torchopt::ort::api.store(api, std::memory_order_release);
  return api != nullptr ? 1 : 0;
}

// A double holds every address of user space exactly, and is what JavaScript computes with.
TORCHOPT_EXPORT double torchopt_address(const void* buffer) {
  return static_cast<double>(reinterpret_cast<uintptr_t>(buffer));
}

// Null where memory does not suffice.
TORCHOPT_EXPORT torchopt::Plan* torchopt_plan_create(torchopt::Session* session,
                                                     torchopt::MemoryInfo* memory,
                                                     const torchopt::RunOptions* options,
                                                     const int64_t* words) {
  try {
    return new torchopt::Plan(session, memory, options, words);
  } catch (const std::exception&) {
    return nullptr;
  }
}

TORCHOPT_EXPORT torchopt::ort::Status* torchopt_plan_run(torchopt::Plan* plan,
                                                         double* slots) {
  return torchopt::guarded([&] { return plan->Run(slots); });
}

TORCHOPT_EXPORT void torchopt_plan_release(torchopt::Plan* plan) { delete plan; }
