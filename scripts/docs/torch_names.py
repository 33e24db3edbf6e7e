"""Lists PyTorch's public, documented names, one a line: what docs/migration.md looks up here.

    python scripts/docs/torch_names.py > scripts/docs/torch_names.txt

Needs torch. In-place methods, which differ from others by an underscore, are listed too.
"""

import inspect
import warnings

import torch
import torch.distributions
import torch.func
import torch.utils.checkpoint
from torch.optim import lr_scheduler

warnings.simplefilter("ignore")


def documented(value):
    return bool((getattr(value, "__doc__", None) or "").strip())


def names(space, wanted, listed=None):
    for name in sorted(listed or dir(space)):
        value = getattr(space, name, None)
        if not name.startswith("_") and wanted(value) and documented(value):
            yield name


def function(value):
    return callable(value) and not inspect.isclass(value)


def subclass_of(base):
    return lambda value: inspect.isclass(value) and issubclass(value, base) and value is not base


method = function


def field(value):
    return function(value) or inspect.isdatadescriptor(value)


SPACES = [
    ("torch", torch, function, None),
    ("torch.Tensor", torch.Tensor, field, None),
    ("torch.autograd", torch.autograd, callable, ["backward", "grad", "gradcheck", "gradgradcheck", "Function"]),
    ("torch.autograd.functional", torch.autograd.functional, function, torch.autograd.functional.__all__),
    ("torch.func", torch.func, callable, torch.func.__all__),
    ("torch.linalg", torch.linalg, function, None),
    ("torch.special", torch.special, function, None),
    ("torch.nn", torch.nn, subclass_of(torch.nn.Module), None),
    ("torch.nn.Module", torch.nn.Module, field, None),
    ("torch.nn.functional", torch.nn.functional, function, None),
    ("torch.nn.init", torch.nn.init, function, None),
    ("torch.nn.utils", torch.nn.utils, function, None),
    ("torch.optim", torch.optim, subclass_of(torch.optim.Optimizer), None),
    ("torch.optim.Optimizer", torch.optim.Optimizer, method, None),
    ("torch.optim.lr_scheduler", lr_scheduler, inspect.isclass, lr_scheduler.__all__),
    ("torch.distributions", torch.distributions, inspect.isclass, torch.distributions.__all__),
    ("torch.distributions.Distribution", torch.distributions.Distribution, field, None),
    ("torch.utils.checkpoint", torch.utils.checkpoint, function, ["checkpoint", "checkpoint_sequential"]),
]

for path, space, wanted, listed in SPACES:
    for name in names(space, wanted, listed):
        print(f"{path}.{name}")
