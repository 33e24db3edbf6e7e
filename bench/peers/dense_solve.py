#!/usr/bin/env python3
"""Workload w12 of bench/README.md in other libraries: dense linear systems in float32.

Prints a JSON line for each peer and size, in the form of bench/workloads.ts. Names of workloads of which
none begins with w12 mean that there is nothing to do. Wants numpy, and torch; a peer whose library is
missing gives a line with the metric "skipped".

environment: BENCH_THREADS (2), BENCH_BUDGET_S (8), BENCH_MIN_N (10), BENCH_MAX_N (400), BENCH_QUICK
"""
import json
import os
import sys
import time

QUICK = os.environ.get("BENCH_QUICK") == "1"
BUDGET_S = float(os.environ.get("BENCH_BUDGET_S", "1" if QUICK else "8"))
MIN_N = int(os.environ.get("BENCH_MIN_N", "3" if QUICK else "10"))
MAX_N = int(os.environ.get("BENCH_MAX_N", "10" if QUICK else "400"))
THREADS = os.environ.get("BENCH_THREADS", "2")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, THREADS)  # read when a library is loaded

import numpy as np

SIZES = [(64, 1), (256, 1), (1024, 1), (2048, 1), (16, 1000)]


# Closed forms of an index and a stream: the same bits as bench/workloads/data.ts.
def symmetric(shape, stream):
    x = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32((stream * 0x9E3779B9) & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    values = 2 * ((x >> np.uint32(8)).astype(np.float64) / 2**24) - 1
    return values.astype(np.float32).reshape(shape)


def systems(n, count):
    a = symmetric((count, n, n), 1200)
    a[:, np.arange(n), np.arange(n)] += np.float32(np.sqrt(n))
    b = symmetric((count, n), 1201)
    return (a[0], b[0]) if count == 1 else (a, b)


def numpy_peer():
    def make(a, b):
        return lambda: np.linalg.solve(a, b[..., None])[..., 0]

    return make


def torch_peer():
    import torch

    torch.set_num_threads(int(THREADS))

    def make(a, b):
        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        return lambda: torch.linalg.solve(ta, tb).numpy()

    return make


def measure(run):
    begin = time.perf_counter()
    x = run()
    first = time.perf_counter() - begin
    for _ in range(1 if QUICK else 5):
        run()
    runs, start = [], time.perf_counter()
    while len(runs) < MAX_N and (len(runs) < MIN_N or time.perf_counter() - start < BUDGET_S):
        begin = time.perf_counter()
        x = run()
        runs.append(1e3 * (time.perf_counter() - begin))
    return x, runs, 1e3 * first


def main():
    names = sys.argv[1:]
    for n, count in SIZES:
        workload = f"w12_solve_{n if count == 1 else f'{count}x{n}'}"
        short = f"w12_{n if count == 1 else f'{count}x{n}'}"
        if names and not any(short == name or name == "w12" for name in names):
            continue
        for peer, make in (("numpy", numpy_peer), ("torch", torch_peer)):
            try:
                run = make()(*systems(n, count))
            except ImportError as error:
                print(json.dumps({"peer": peer, "workload": workload, "metric": "skipped",
                                  "why": str(error)}), flush=True)
                continue
            x, runs, first = measure(run)
            x = x.astype(np.float64)
            print(json.dumps({
                "peer": peer,
                "workload": workload,
                "metric": "ms_per_iter",
                "median": float(np.median(runs)),
                "min": min(runs),
                "n": len(runs),
                "check": [float(np.sqrt((x * x).sum())), float(x.sum())],
                "first_call_ms": first,
            }), flush=True)


main()
