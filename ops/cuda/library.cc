#include "library.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace torchopt::cuda {

#if defined(_WIN32)

void* openLibrary(const std::string& path, std::string& why) {
  void* const library = reinterpret_cast<void*>(LoadLibraryA(path.c_str()));
  if (library == nullptr) why = path + " does not load (error " + std::to_string(GetLastError()) + ")";
  return library;
}

void* symbolOf(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

std::string folderOf(const void* function) {
  HMODULE module = nullptr;
  char path[MAX_PATH] = "";
  constexpr DWORD kFlags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                           GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (!GetModuleHandleExA(kFlags, static_cast<const char*>(function), &module)) return "";
  GetModuleFileNameA(module, path, MAX_PATH);
  const std::string file = path;
  return file.substr(0, file.find_last_of("\\/") + 1);
}

#else

void* openLibrary(const std::string& path, std::string& why) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const message = dlerror();
    why = message != nullptr ? message : path + " does not load";
  }
  return library;
}

void* symbolOf(void* library, const char* name) { return dlsym(library, name); }

std::string folderOf(const void* function) {
  Dl_info info;
  if (dladdr(function, &info) == 0 || info.dli_fname == nullptr) return "";
  const std::string file = info.dli_fname;
  return file.substr(0, file.find_last_of('/') + 1);
}

#endif

}  // namespace torchopt::cuda
