"""Makes samples.json: calls of PyTorch's operator database with their results and derivatives.

    pip install torch==2.13.0 numpy expecttest
    python make_samples.py

A tensor is [dtype, sizes, elements]; elements that JSON has no number for are texts. Calls that this
library has no counterpart of are left out by operators_test.ts, by name.
"""

import json
import math
import warnings

import torch
from torch.testing._internal.common_methods_invocations import op_db

warnings.filterwarnings("ignore")

NAMES = """
add sub mul div fmod remainder pow neg abs sign square floor ceil round trunc lerp addcmul addcdiv
maximum minimum clamp nan_to_num eq ne lt le gt ge isclose logical_and logical_or logical_xor
logical_not where masked_fill argmax argmin amax amin max min median sort argsort topk sum mean prod
var std norm cumsum cumprod all any count_nonzero logsumexp softmax gather scatter scatter_add
index_add index_select take take_along_dim cat stack diag tril triu diagonal trace dot mv mm bmm
matmul outer arange linspace logspace eye roll flip repeat tile repeat_interleave narrow nonzero
masked_select nn.functional.max_pool1d nn.functional.avg_pool1d
""".split()
DTYPES = [getattr(torch, d) for d in "float64 float32 float16 int64 int32 uint8 bool".split()]
SAMPLES, LETTERS = 5, 1400


def element(v):
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    return str(v) if isinstance(v, int) and abs(v) > 2**53 else v


def plain(x):
    if isinstance(x, torch.Tensor):
        name = str(x.dtype)[6:]
        assert x.dtype in DTYPES, name
        return {"tensor": [name, list(x.shape), [element(v) for v in x.detach().flatten().tolist()]]}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items() if k != "device"}
    if isinstance(x, torch.dtype):
        return str(x)[6:]
    assert x is None or isinstance(x, (bool, int, float, str)), type(x)
    return element(x)


def tensors(x):
    if isinstance(x, torch.Tensor):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [t for v in x for t in tensors(v)] if isinstance(x, (list, tuple)) else []


def call(op, sample, grad):
    result = op(sample.input, *sample.args, **sample.kwargs)
    made = [op.name, op.variant_test_name, plain([sample.input, *sample.args]), plain(sample.kwargs), plain(result)]
    if grad:
        leaves = [t for t in tensors([sample.input, *sample.args, sample.kwargs]) if t.is_floating_point()]
        wanted = [t for t in leaves if t.requires_grad]
        loss = sum(
            (t * torch.linspace(0.5, 1.5, max(1, t.numel()), dtype=t.dtype)[: t.numel()].reshape(t.shape)).sum()
            for t in tensors(result) if t.requires_grad
        )
        if wanted and isinstance(loss, torch.Tensor):
            found = iter(torch.autograd.grad(loss, wanted, allow_unused=True))
            made.append([plain(next(found)) if t.requires_grad else None for t in leaves])
    return made


torch.manual_seed(0)
lines = []
for op in op_db:
    for dtype in DTYPES if op.name in NAMES else []:
        if dtype not in op.dtypes:
            continue
        grad = dtype == torch.float64 and op.supports_autograd
        count = 0
        for sample in op.sample_inputs("cpu", dtype, requires_grad=grad):
            try:
                line = json.dumps(call(op, sample, grad), separators=(",", ":"))
            except (AssertionError, RuntimeError, NotImplementedError, TypeError):
                continue
            if len(line) <= LETTERS and line not in lines and count < SAMPLES:
                lines.append(line)
                count += 1
with open("samples.json", "w") as file:
    file.write("[\n" + ",\n".join(lines) + "\n]\n")
