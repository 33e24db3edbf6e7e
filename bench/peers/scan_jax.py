#!/usr/bin/env python3
"""Workload w11 of bench/README.md in JAX: the gradient of a loss through many steps of SGD.

`scan_jax.py w11` prints a JSON line for each form, in that of bench/workloads.ts: `scan` keeps all
carries, `sqrt` those of every 31st step (jax.checkpoint). `scan_jax.py memory FORM STEPS` prints the
highest memory of a process that runs one form four times. Wants numpy and jax.

environment: BENCH_THREADS (2), BENCH_BUDGET_S (8), BENCH_MIN_N (10), BENCH_MAX_N (400), BENCH_QUICK
"""
import json
import os
import resource
import sys
import time

QUICK = os.environ.get("BENCH_QUICK") == "1"
BUDGET_S = float(os.environ.get("BENCH_BUDGET_S", "1" if QUICK else "8"))
MIN_N = int(os.environ.get("BENCH_MIN_N", "3" if QUICK else "10"))
MAX_N = int(os.environ.get("BENCH_MAX_N", "10" if QUICK else "400"))
THREADS = os.environ.get("BENCH_THREADS", "2")
for name in ("OMP_NUM_THREADS", "NPROC", "PJRT_NPROC"):
    os.environ.setdefault(name, THREADS)  # read when a library is loaded
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

RATE = 0.01


# Closed forms of an index and a stream: the same bits as bench/workloads/data.ts.
def uniform(n, stream):
    x = np.arange(n, dtype=np.uint32) + np.uint32((stream * 0x9E3779B9) & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**24


def sym(shape, stream, a):
    return ((2 * uniform(int(np.prod(shape)), stream) - 1) * a).astype(np.float32).reshape(shape)


def problem():
    sizes, params = [32, 64, 64, 1], []
    for l in range(3):
        i, o = sizes[l], sizes[l + 1]
        params += [sym((o, i), 510 + 2 * l, np.sqrt(3 / i)), sym((o,), 511 + 2 * l, 0.1)]
    a = sym((32,), 502, 1).astype(np.float64)

    def samples(stream):
        x = sym((64, 32), stream, 1)
        return x, np.sin(x.astype(np.float64) @ a).astype(np.float32)[:, None]

    return params, samples(500), samples(501)


def build(form, steps):
    import jax
    import jax.numpy as jnp

    params, train, val = problem()
    x, y, xv, yv = (jnp.asarray(v) for v in (*train, *val))
    theta = [jnp.asarray(p) for p in params]

    def f(p, h):
        for i in range(3):
            h = h @ p[2 * i].T + p[2 * i + 1]
            if i < 2:
                h = jnp.tanh(h)
        return h

    def inner(p, _):
        g = jax.grad(lambda p: jnp.mean((f(p, x) - y) ** 2))(p)
        return [w - RATE * d for w, d in zip(p, g)], None

    def outer(p):
        if form == "scan":
            p, _ = jax.lax.scan(inner, p, None, length=steps)
        else:
            n = max(n for n in range(1, int(steps**0.5) + 1) if steps % n == 0)
            chunk = jax.checkpoint(lambda p, _: jax.lax.scan(inner, p, None, length=steps // n))
            p, _ = jax.lax.scan(chunk, p, None, length=n)
        return jnp.mean((f(p, xv) - yv) ** 2)

    g = jax.jit(jax.value_and_grad(outer))
    return lambda: jax.block_until_ready(g(theta))


def check(result):
    loss, grads = result
    total = sum(float(np.sum(np.asarray(g, np.float64) ** 2)) for g in grads)
    return [float(loss), total**0.5]


def bench(form):
    run = build(form, 1000)
    start = time.perf_counter()
    found = check(run())
    first, times, end = time.perf_counter() - start, [], time.perf_counter() + BUDGET_S
    while len(times) < MIN_N or (time.perf_counter() < end and len(times) < MAX_N):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(json.dumps({
        "peer": f"jax {form}", "workload": "w11_meta_scan_k1000", "metric": "ms_per_iter",
        "median": times[len(times) // 2], "min": times[0], "n": len(times), "check": found,
        "first_call_ms": first * 1e3,
    }), flush=True)


if sys.argv[1:2] == ["memory"]:
    run = build(sys.argv[2], int(sys.argv[3]))
    found = [check(run()) for _ in range(4)][0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"check": found, "peak": peak}))
elif not sys.argv[1:] or any(name.startswith("w11") for name in sys.argv[1:]):
    for form in ("scan", "sqrt"):
        bench(form)
