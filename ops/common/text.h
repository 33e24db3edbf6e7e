// Source files inside the library, as text for a compiler at run time. Such a file begins with
//   #ifdef TORCHOPT_TEXT
//   TORCHOPT_TEXT(name, __FILE__)
//   #else
// and ends with #endif; the includer of TORCHOPT_TEXT gets `const char torchopt_text_name[]`.
#pragma once

#if defined(_WIN32)
// No kernels are compiled at run time there.
#define TORCHOPT_EMBED(Name, File) extern "C" const char torchopt_text_##Name[] = "";
#else
#if defined(__APPLE__)
#define TORCHOPT_TEXT_SECTION ".section __TEXT,__const\n"
#define TORCHOPT_TEXT_SYMBOL "_"
#define TORCHOPT_TEXT_END ".text\n"
#else
#define TORCHOPT_TEXT_SECTION ".pushsection .rodata\n"
#define TORCHOPT_TEXT_SYMBOL ""
#define TORCHOPT_TEXT_END ".popsection\n"
#endif
#define TORCHOPT_EMBED(Name, File)                                             \
  extern "C" __attribute__((visibility("hidden"))) const char torchopt_text_##Name[]; \
  asm(TORCHOPT_TEXT_SECTION ".globl " TORCHOPT_TEXT_SYMBOL "torchopt_text_" #Name "\n" \
      TORCHOPT_TEXT_SYMBOL "torchopt_text_" #Name ":\n.incbin \"" File "\"\n.byte 0\n" \
      TORCHOPT_TEXT_END);
#endif
