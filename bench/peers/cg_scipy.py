"""CG on the 5-point Laplacian in SciPy: the workloads cg_100 and cg_1000."""

import json
import sys
import time

import numpy as np
from scipy.sparse import diags, eye, kron
from scipy.sparse.linalg import cg




def run(side, iterations):
    t = diags([-np.ones(side - 1), 2 * np.ones(side), -np.ones(side - 1)], [-1, 0, 1])
    a = (kron(t, eye(side)) + kron(eye(side), t)).tocsr()
    b = np.sin(np.arange(side * side) + 1.0)
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        x, _ = cg(a, b, rtol=0.0, atol=0.0, maxiter=iterations)
        times.append((time.perf_counter() - begin) * 1e3)
    times.sort()
    check = [float(np.linalg.norm(x)), float(np.linalg.norm(b - a @ x))]
    print(json.dumps({
        "peer": "scipy",
        "workload": f"cg_laplacian_{side}x{side}",
        "metric": "ms_per_iter",
        "median": times[len(times) // 2],
        "min": times[0],
        "n": len(times),
        "check": check,
        "iterations": iterations,
    }))


for name in sys.argv[1:]:
    if name == "cg_100":
        run(100, 200)
    if name == "cg_1000":
        run(1000, 20)
