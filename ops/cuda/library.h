// Shared libraries that are opened at run time.
#pragma once

#include <string>

namespace torchopt::cuda {

// Opens a library by path or name; null where that does not work, with the reason in `why`. It stays
// open: closing NVIDIA's libraries is not safe.
void* openLibrary(const std::string& path, std::string& why);

// A function of a library, or null.
void* symbolOf(void* library, const char* name);

// Folder of the file that holds a function, with a slash at its end; empty where nobody knows.
std::string folderOf(const void* function);

// Sets `target` to a function of the library. False where there is none.
template <class F>
bool bind(void* library, const char* name, F& target) {
  target = reinterpret_cast<F>(symbolOf(library, name));
  return target != nullptr;
}

}  // namespace torchopt::cuda
