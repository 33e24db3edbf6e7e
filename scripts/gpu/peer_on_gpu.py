"""Runs a benchmark of PyTorch on the GPU: `python peer_on_gpu.py PEER.py [ARGUMENT ...]`.

Tensors are made there, and the clock waits until the GPU is idle, so that the program need not.
"""

import runpy
import sys
import time

import torch

if not torch.cuda.is_available():
    sys.exit("torch has no GPU here")
torch.set_default_device("cuda")
clock = time.perf_counter


def waiting() -> float:
    torch.cuda.synchronize()
    return clock()


time.perf_counter = waiting
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
