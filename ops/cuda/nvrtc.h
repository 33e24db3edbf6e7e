// NVIDIA's run-time compiler, opened at run time.
#pragma once

#include <string>
#include <vector>

namespace torchopt::cuda {

// Names the library in the place of what the loader finds. Only before the first use.
void setNvrtcPath(const std::string& path);

// "13.0". Throws std::runtime_error where there is no compiler.
std::string nvrtcVersion();

// Machine code for an architecture (90 for sm_90), or PTX where that is newer than the compiler; the
// driver takes both. Throws std::runtime_error with what the compiler says.
std::string compileDeviceCode(const std::string& name, const std::string& source, int architecture,
                              const std::vector<std::string>& options);

}  // namespace torchopt::cuda
