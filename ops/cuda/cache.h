// Machine code on disk, so that each kernel is compiled once on a machine.
#pragma once

#include <string>

namespace torchopt::cuda {

// Names the folder, which exists and is this user's alone; an empty name switches the cache off.
void setCacheFolder(const std::string& folder);

// The code with this key; empty where there is none, or not the whole of it.
std::string readCached(const std::string& key);

// Keeps code. Others that read meanwhile see the old file or the new one. What cannot be written is
// compiled again next time.
void writeCached(const std::string& key, const std::string& code);

}  // namespace torchopt::cuda
