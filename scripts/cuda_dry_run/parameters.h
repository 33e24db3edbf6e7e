// The pointers among the parameters of a kernel of ONNX Runtime, by its mangled name: to what it only
// reads ("T const*") and to what it may write ("T*"). Structs by value may hold more, which are not seen.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "order.h"

namespace fake_cuda {

struct PointerParameter {
  size_t index;  // among all parameters
  How how;
};

// The types of a function's parameters in its demangled name.
inline std::vector<std::string> parameterTypes(const std::string& name) {
  const size_t end = name.rfind(')');
  if (end == std::string::npos) return {};
  std::vector<std::string> types(1);
  int depth = 0;
  for (size_t at = end; at-- > 0;) {
    const char c = name[at];
    if (c == ')' || c == '>' || c == '}' || c == ']') ++depth;
    if (depth == 0 && c == '(') break;
    if (c == '(' || c == '<' || c == '{' || c == '[') --depth;
    if (depth == 0 && c == ',') types.emplace_back();
    else types.back() += c;
  }
  std::vector<std::string> inOrder;
  for (auto type = types.rbegin(); type != types.rend(); ++type)
    inOrder.emplace_back(type->rbegin(), type->rend());
  return inOrder;
}

inline std::vector<PointerParameter> pointerParameters(const std::string& mangled) {
  int status = 0;
  char* const text = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  if (text == nullptr) return {};
  const std::vector<std::string> types = parameterTypes(text);
  std::free(text);
  std::vector<PointerParameter> found;
  for (size_t i = 0; i < types.size(); ++i) {
    const std::string& type = types[i];
    if (type.empty() || type.back() != '*') continue;
    const bool constant = type.size() > 6 && type.compare(type.size() - 6, 6, "const*") == 0;
    found.push_back({i, constant ? How::read : How::write});
  }
  return found;
}

}  // namespace fake_cuda
