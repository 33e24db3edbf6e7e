#include "cache.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>

#include "sha256.h"

namespace torchopt::cuda {

namespace {

constexpr const char* kMagic = "torchopt cuda 1\n";

std::mutex& guard() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

std::string& folderName() {
  static std::string& folder = *new std::string;
  return folder;
}

std::string pathOf(const std::string& key) {
  const std::lock_guard<std::mutex> lock(guard());
  return folderName().empty() ? "" : folderName() + "/" + key + ".cubin";
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// What stands before the code: what the file is, its key, and a checksum of the code.
std::string header(const std::string& key, const std::string& code) {
  return kMagic + key + "\n" + sha256Text(code) + "\n";
}

}  // namespace

void setCacheFolder(const std::string& folder) {
  const std::lock_guard<std::mutex> lock(guard());
  folderName() = folder;
}

std::string readCached(const std::string& key) {
  const std::string path = pathOf(key);
  if (path.empty()) return "";
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return "";
  std::string content;
  char part[1 << 14];
  for (size_t n; (n = std::fread(part, 1, sizeof part, file.get())) > 0;) content.append(part, n);
  const size_t size = header(key, "").size();
  if (content.size() <= size) return "";
  const std::string code = content.substr(size);
  return content.compare(0, size, header(key, code)) == 0 ? code : "";
}

void writeCached(const std::string& key, const std::string& code) {
  const std::string path = pathOf(key);
  if (path.empty()) return;
  // No other thread or process writes a file of this name.
  static std::atomic<unsigned> count{0};
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const std::string temporary = path + "." + std::to_string(uint64_t(now)) + "-" +
                                std::to_string(reinterpret_cast<uintptr_t>(&code)) + "-" +
                                std::to_string(count.fetch_add(1));
  const std::string start = header(key, code);
  bool whole = false;
  {
    const File file(std::fopen(temporary.c_str(), "wb"));
    if (file == nullptr) return;
    whole = std::fwrite(start.data(), 1, start.size(), file.get()) == start.size() &&
            std::fwrite(code.data(), 1, code.size(), file.get()) == code.size() &&
            std::fflush(file.get()) == 0;
  }
  if (!whole || std::rename(temporary.c_str(), path.c_str()) != 0) std::remove(temporary.c_str());
}

}  // namespace torchopt::cuda
