// SHA-256 (FIPS 180-4), for names and checksums of cached machine code.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace torchopt::cuda {

std::array<uint8_t, 32> sha256(const std::string& data);

// In hexadecimal digits.
std::string sha256Text(const std::string& data);

}  // namespace torchopt::cuda
