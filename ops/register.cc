// Registers the custom ops of the domain "torchopt".

#include <mutex>
#include <vector>

#include "common/errors.h"
#include "common/export.h"
#include "fused_adam/op.h"
#include "linalg/op.h"
#include "program/op.h"
#include "running_sum/op.h"
#include "windows/op.h"

namespace torchopt {

namespace {

// One domain serves all sessions of the process and is never released: sessions keep pointers into
// it.
ort::Status* domain(ort::CustomOpDomain** result) {
  static std::mutex mutex;
  static ort::CustomOpDomain* shared = nullptr;
  const std::lock_guard<std::mutex> lock(mutex);
  if (shared == nullptr) {
    ort::CustomOpDomain* created = nullptr;
    if (auto* status = ort::CreateCustomOpDomain("torchopt", &created)) return status;
    std::vector<const ort::CustomOp*> ops = windowOps();
    for (const auto& some : {linalgOps(), runningSumOps()}) ops.insert(ops.end(), some.begin(), some.end());
    ops.insert(ops.end(), {programOp<float>(), programOp<double>(), loopOp<float>(),
                           loopOp<double>(), fusedAdamOp<float>(), fusedAdamOp<double>(),
                           fusedAdamCudaOp<float>(), fusedAdamCudaOp<double>(),
                           programCudaOp<float>(), programCudaOp<double>(), loopCudaOp<float>(),
                           loopCudaOp<double>()});
    for (const ort::CustomOp* op : ops) {
      if (auto* status = ort::CustomOpDomainAdd(created, op)) {
        ort::ReleaseCustomOpDomain(created);
        return status;
      }
    }
    shared = created;
  }
  *result = shared;
  return nullptr;
}

}  // namespace

}  // namespace torchopt

// Adds the ops to the options of a session to be made. Returns null, or a status to be released.
TORCHOPT_EXPORT void* torchopt_register_ops(
    void* sessionOptions) {
  return torchopt::guarded([&]() -> torchopt::ort::Status* {
    torchopt::ort::CustomOpDomain* domain = nullptr;
    if (auto* status = torchopt::domain(&domain)) return status;
    return torchopt::ort::AddCustomOpDomain(
        static_cast<torchopt::ort::SessionOptions*>(sessionOptions), domain);
  });
}
