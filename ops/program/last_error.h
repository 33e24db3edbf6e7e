// Errors of the calls that tests make directly.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

namespace torchopt {

// The calling thread's last message.
std::string& lastError();

// 0, or 1 with the message kept.
template <class Body>
int32_t recordingErrors(const Body& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& error) {
    lastError() = error.what();
    return 1;
  }
}

}  // namespace torchopt
