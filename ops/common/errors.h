// Exceptions end here: none may cross a C interface, or leave a thread of a pool.
#pragma once

#include <exception>
#include <string>

#include "ort_abi.h"

namespace torchopt {

inline ort::Status* invalid(const std::string& message) {
  return ort::CreateStatus(ort::kInvalidArgument, message.c_str());
}

// Runs body, which returns a status, and turns exceptions into one.
template <class Body>
ort::Status* guarded(Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return ort::CreateStatus(ort::kInvalidArgument, error.what());
  } catch (...) {
    return ort::CreateStatus(ort::kFail, "unknown exception");
  }
}

// The calling thread's last message of a call that tests make directly.
std::string& lastError();

// 0, or 1 with the message kept.
template <class Body>
int recordingErrors(const Body& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    lastError() = error.what();
    return 1;
  }
}

}  // namespace torchopt
