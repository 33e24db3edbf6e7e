// The custom ops `Lu`, `TriangularSolve`, `Cholesky`, `Qr`, `Eigh` and `OrthogonalColumns`.
#pragma once

#include <vector>

#include "../common/ort_abi.h"

namespace torchopt {

// All of them, for float and double.
std::vector<const ort::CustomOp*> linalgOps();

}  // namespace torchopt
