// Running a program without ONNX Runtime, for tests.

#include "../common/errors.h"
#include "../common/export.h"
#include "interpreter.h"

namespace torchopt {

std::string& lastError() {
  thread_local std::string message;
  return message;
}

namespace {

template <class T>
void execute(const int64_t* code, size_t codeLength, const int64_t* consts, size_t constCount,
             const double* addresses, int threads) {
  Interpreter<T> interpreter(decodeProgram<T>(code, codeLength, consts, constCount));
  const Program<T>& program = interpreter.program();
  const typename Interpreter<T>::Lease context(interpreter);
  for (size_t i = 0; i < program.inputs + program.outputs; ++i) {
    context->buffers[i] = reinterpret_cast<T*>(uintptr_t(addresses[i]));
  }
  interpreter.run(*context, threadParallel(&threads));
}

}  // namespace

}  // namespace torchopt

// The message of the calling thread's last failed *_exec call.
TORCHOPT_EXPORT const char* torchopt_last_error() {
  return torchopt::lastError().c_str();
}

// Decodes and runs a program. Addresses: of each input, then of each output. Returns 0, or 1 with a
// message in torchopt_last_error.
TORCHOPT_EXPORT int32_t
torchopt_program_exec(int32_t isF64, const int64_t* code, size_t codeLength, const int64_t* consts,
                      size_t constCount, const double* addresses, int32_t threads) {
  return torchopt::recordingErrors([&] {
    const auto run = isF64 != 0 ? torchopt::execute<double> : torchopt::execute<float>;
    run(code, codeLength, consts, constCount, addresses, threads);
  });
}
