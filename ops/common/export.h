// Functions that the library offers to JavaScript.
#pragma once

#if defined(_WIN32)
#define TORCHOPT_EXPORT extern "C" __declspec(dllexport)
#else
#define TORCHOPT_EXPORT extern "C" __attribute__((visibility("default")))
#endif
