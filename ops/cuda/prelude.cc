#include "module.h"

namespace torchopt::cuda {

const char kPrelude[] =
#include "prelude.cuh"
    ;

}  // namespace torchopt::cuda
