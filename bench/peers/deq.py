#!/usr/bin/env python3
"""W13 (a deep-equilibrium layer) in JAX, compiled: by hand and by optimistix.

`by_hand` finds the fixed point, and the adjoint's, by repeating the cell in `lax.while_loop`; optimistix
does so for the fixed point, and differentiates by its implicit adjoint with GMRES of lineax. Wants numpy,
jax and optimistix.

environment: BENCH_THREADS (2), BENCH_BUDGET_S (8)
"""
import json
import os
import time

THREADS = os.environ.get("BENCH_THREADS", "2")
for name in ("OMP_NUM_THREADS", "NPROC", "PJRT_NPROC"):
    os.environ.setdefault(name, THREADS)  # read when a library is loaded
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

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


BUDGET_S = float(os.environ.get("BENCH_BUDGET_S", "8"))
UNITS, BATCH, FEATURES = 64, 64, 32
PARAMS = [jnp.asarray(p) for p in (
    sym((UNITS, UNITS), 1300, 0.075), sym((UNITS, FEATURES), 1301, 0.2),
    sym((UNITS,), 1302, 0.1), sym((1, UNITS), 1303, 0.2))]
X, Y = jnp.asarray(sym((BATCH, FEATURES), 1304, 1)), jnp.asarray(sym((BATCH, 1), 1305, 1))


def cell(z, args):
    w, pre = args
    return jnp.tanh(z @ w.T + pre)


def repeat(step, z):
    def go(carry):
        z, last, k = carry
        return jnp.logical_and(jnp.max(jnp.abs(z - last)) > 1e-6, k < 100)

    return jax.lax.while_loop(go, lambda c: (step(c[0]), c[0], c[2] + 1), (step(z), z, 1))[0]


@jax.custom_vjp
def by_hand(args):
    return repeat(lambda z: cell(z, args), jnp.zeros((BATCH, UNITS)))


def forward(args):
    z = by_hand(args)
    return z, (z, args)


def backward(saved, g):
    z, args = saved
    _, pull = jax.vjp(lambda z: cell(z, args), z)
    u = repeat(lambda u: g + pull(u)[0], g)
    return jax.vjp(lambda args: cell(z, args), args)[1](u)


by_hand.defvjp(forward, backward)


def by_optimistix(args):
    import lineax as lx
    import optimistix as optx

    adjoint = optx.ImplicitAdjoint(linear_solver=lx.GMRES(rtol=1e-6, atol=1e-6))
    solver = optx.FixedPointIteration(rtol=0.0, atol=1e-6)
    return optx.fixed_point(cell, solver, jnp.zeros((BATCH, UNITS)), args, adjoint=adjoint,
                            max_steps=100, throw=False).value


def measure(peer, solve):
    def loss(params):
        w, u, b, v = params
        z = solve((w, X @ u.T + b))
        return jnp.mean((z @ v.T - Y) ** 2), jnp.mean(z**2)

    run = jax.jit(jax.value_and_grad(loss, has_aux=True))
    begin = time.perf_counter()
    (value, size), grads = jax.block_until_ready(run(PARAMS))
    first = (time.perf_counter() - begin) * 1e3
    norm = float(np.sqrt(sum(np.sum(np.asarray(g, np.float64) ** 2) for g in grads)))
    times, start = [], time.perf_counter()
    while len(times) < 10 or time.perf_counter() - start < BUDGET_S and len(times) < 400:
        t = time.perf_counter()
        float(run(PARAMS)[0][0])
        times.append((time.perf_counter() - t) * 1e3)
    times.sort()
    print(json.dumps({
        "peer": peer, "workload": "w13_deq", "metric": "ms_per_iter", "median": times[len(times) // 2],
        "min": times[0], "n": len(times), "check": [float(value), float(size), norm], "first_call_ms": first,
    }), flush=True)


if __name__ == "__main__":
    measure("jax_by_hand", by_hand)
    measure("optimistix", by_optimistix)
