#!/usr/bin/env python3
"""Workload w4x4 of bench/README.md in other libraries: MAML of a convolutional network, four tasks.

Prints a JSON line for each peer, in the form of bench/workloads.ts. Names of workloads of which none
begins with w4x4 mean that there is nothing to do. Wants numpy, and jax with optax, or torch, or torch
with torchopt; a peer whose library is missing gives a line with the metric "skipped".

environment: BENCH_THREADS (2), BENCH_BUDGET_S (8), BENCH_MIN_N (10), BENCH_MAX_N (400), BENCH_QUICK
"""
import argparse
import json
import os
import time

QUICK = os.environ.get("BENCH_QUICK") == "1"
BUDGET_S = float(os.environ.get("BENCH_BUDGET_S", "1" if QUICK else "8"))
MIN_N = int(os.environ.get("BENCH_MIN_N", "3" if QUICK else "10"))
MAX_N = int(os.environ.get("BENCH_MAX_N", "10" if QUICK else "400"))
THREADS = os.environ.get("BENCH_THREADS", "2")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC", "PJRT_NPROC"):
    os.environ.setdefault(name, THREADS)  # read when a library is loaded
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np

TASKS, CLASSES, CHANNELS, BLOCKS, PIXELS = 4, 5, 64, 4, 28 * 28
INNER_STEPS, INNER_LR, META_LR = 5, 0.01, 1e-3


# Closed forms of an index and a stream: the same bits as bench/workloads/data.ts.
def uniform(n, stream):
    """n float64 numbers in [0, 1) that float32 holds exactly."""
    x = np.arange(n, dtype=np.uint32) + np.uint32((stream * 0x9E3779B9) & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**24


def symmetric(shape, stream, bound):
    values = (2 * uniform(int(np.prod(shape)), stream) - 1) * bound
    return values.astype(np.float32).reshape(shape)


def initial_parameters():
    """For each block kernel, bias, factor and summand of batch norm; then weight and bias."""
    params = []
    for block in range(BLOCKS):
        shape = (CHANNELS, 1 if block == 0 else CHANNELS, 3, 3)
        params += [
            symmetric(shape, 410 + 4 * block, np.sqrt(6 / (9 * shape[1]))),
            symmetric((CHANNELS,), 411 + 4 * block, 0.1),
            np.ones(CHANNELS, np.float32),
            np.zeros(CHANNELS, np.float32),
        ]
    params.append(symmetric((CLASSES, CHANNELS), 430, np.sqrt(3 / CHANNELS)))
    params.append(symmetric((CLASSES,), 431, 0.1))
    return params


def images(count, base, stream):
    label = np.arange(count) % CLASSES
    pattern = uniform(CLASSES * PIXELS, base).reshape(CLASSES, PIXELS)
    own = uniform(count * PIXELS, base + stream).reshape(count, PIXELS)
    x = (0.5 * pattern[label] + 0.5 * own).astype(np.float32)
    return x.reshape(count, 1, 28, 28), label.astype(np.int32)


def meta_batch():
    """Support images and labels, query images and labels, each with the tasks in front."""
    tasks = []
    for t in range(TASKS):
        tasks.append(images(5, 400 + 1000 * t, 1) + images(15, 400 + 1000 * t, 2))
    return [np.stack(part) for part in zip(*tasks)]


def norm(arrays):
    return float(np.sqrt(sum(np.sum(np.asarray(a, np.float64) ** 2) for a in arrays)))


def run(peer, iterate):
    """`iterate()` takes one step and returns (first loss, query loss, meta-gradient), computed."""
    begin = time.perf_counter()
    first, query, grads = iterate()
    check = [float(first), float(query), norm(grads())]
    first_call = time.perf_counter() - begin
    iterate()
    iterate()
    check.append(float(iterate()[1]))
    for _ in range(1 if QUICK or first_call > BUDGET_S / 3 else 5):
        iterate()
    times, start = [], time.perf_counter()
    while len(times) < MAX_N and (len(times) < MIN_N or time.perf_counter() - start < BUDGET_S):
        before = time.perf_counter()
        float(iterate()[1])
        times.append(1e3 * (time.perf_counter() - before))
    line(peer, "ms_per_iter", median=float(np.median(times)), min=min(times), n=len(times),
         check=check, first_call_ms=1e3 * first_call)


def line(peer, metric, **fields):
    empty = {"median": None, "min": None, "n": 0, "check": None}
    record = {"peer": peer, "workload": "w4x4_maml_conv", "metric": metric, **empty, **fields}
    print(json.dumps(record), flush=True)


# JAX: the function of one task, over all tasks by vmap or written out.
def jax_peer(peer, form):
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax

    def pooled(x):
        n, c, h, w = x.shape
        even = x[:, :, : h // 2 * 2, : w // 2 * 2]
        return even.reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))

    def logits(params, x):
        for block in range(BLOCKS):
            kernel, bias, factor, summand = (
                p if p.ndim == 4 else p[None, :, None, None]
                for p in params[4 * block : 4 * block + 4]
            )
            layout = ("NCHW", "OIHW", "NCHW")
            x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout) + bias
            x = x - x.mean((0, 2, 3), keepdims=True)
            variance = (x**2).mean((0, 2, 3), keepdims=True)
            x = pooled(jax.nn.relu(x * lax.rsqrt(variance + 1e-5) * factor + summand))
        return x.reshape(x.shape[0], -1) @ params[-2].T + params[-1]

    def loss(params, x, y):
        rows = jax.nn.log_softmax(logits(params, x))
        return -jnp.take_along_axis(rows, y[:, None], axis=1).mean()

    def task(params, xs, ys, xq, yq):
        first = None
        for _ in range(INNER_STEPS):
            value, grads = jax.value_and_grad(loss)(params, xs, ys)
            first = value if first is None else first
            params = [p - INNER_LR * g for p, g in zip(params, grads)]
        return loss(params, xq, yq), first

    def meta_loss(params, *batch):
        if form == "vmap":
            query, first = jax.vmap(task, in_axes=(None, 0, 0, 0, 0))(params, *batch)
        else:
            each = [task(params, *(part[t] for part in batch)) for t in range(TASKS)]
            query, first = (jnp.stack(values) for values in zip(*each))
        return query.mean(), first.mean()

    optimizer = optax.adam(META_LR)

    @jax.jit
    def step(params, state, *batch):
        (query, first), grads = jax.value_and_grad(meta_loss, has_aux=True)(params, *batch)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, first, query, grads

    params = [jnp.asarray(p) for p in initial_parameters()]
    batch, now = [jnp.asarray(part) for part in meta_batch()], [params, optimizer.init(params)]

    def iterate():
        now[0], now[1], first, query, grads = jax.block_until_ready(step(*now, *batch))
        return first, query, lambda: grads

    run(peer, iterate)


def torch_logits(params, x):
    from torch.nn import functional as F

    for block in range(BLOCKS):
        kernel, bias, factor, summand = params[4 * block : 4 * block + 4]
        x = F.batch_norm(F.conv2d(x, kernel, bias, padding=1), None, None, factor, summand, True)
        x = F.max_pool2d(F.relu(x), 2)
    return F.linear(x.flatten(1), params[-2], params[-1])


def torch_batch(torch):
    torch.set_num_threads(int(THREADS))
    xs, ys, xq, yq = (torch.from_numpy(part) for part in meta_batch())
    return xs, ys.long(), xq, yq.long()


# torch.func: the function of one task, over all tasks by vmap.
def func_peer(peer):
    import torch
    from torch.func import grad_and_value, vmap
    from torch.nn import functional as F

    batch = torch_batch(torch)
    params = [torch.from_numpy(p).requires_grad_() for p in initial_parameters()]
    optimizer = torch.optim.Adam(params, lr=META_LR)

    def loss(params, x, y):
        return F.cross_entropy(torch_logits(params, x), y)

    def task(params, xs, ys, xq, yq):
        first = None
        for _ in range(INNER_STEPS):
            grads, value = grad_and_value(loss)(params, xs, ys)
            first = value if first is None else first
            params = [p - INNER_LR * g for p, g in zip(params, grads)]
        return loss(params, xq, yq), first

    def meta_loss(params):
        query, first = vmap(task, in_dims=(None, 0, 0, 0, 0))(params, *batch)
        return query.mean(), first.mean()

    differentiated = grad_and_value(meta_loss, has_aux=True)

    def iterate():
        grads, (query, first) = differentiated([p.detach() for p in params])
        for p, g in zip(params, grads):
            p.grad = g
        optimizer.step()
        return first, query, lambda: [g.detach().numpy() for g in grads]

    run(peer, iterate)


# TorchOpt: a differentiable optimizer, one task after another.
def torchopt_peer(peer):
    import torch
    import torchopt
    from torch import nn
    from torch.nn import functional as F

    batch = torch_batch(torch)
    layers = []
    for block in range(BLOCKS):
        layers += [
            nn.Conv2d(1 if block == 0 else CHANNELS, CHANNELS, 3, padding=1),
            nn.BatchNorm2d(CHANNELS, track_running_stats=False),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(CHANNELS, CLASSES))
    params = list(net.parameters())
    with torch.no_grad():
        for p, value in zip(params, initial_parameters()):
            p.copy_(torch.from_numpy(value))
    inner = torchopt.MetaSGD(net, lr=INNER_LR)
    optimizer = torchopt.Adam(params, lr=META_LR)

    def iterate():
        before = torchopt.extract_state_dict(net, by="reference")
        state = torchopt.extract_state_dict(inner, by="reference")
        first, query = [], []
        for xs, ys, xq, yq in zip(*batch):
            for k in range(INNER_STEPS):
                loss = F.cross_entropy(net(xs), ys)
                if k == 0:
                    first.append(loss.detach())
                inner.step(loss)
            query.append(F.cross_entropy(net(xq), yq))
            torchopt.recover_state_dict(net, before)
            torchopt.recover_state_dict(inner, state)
        optimizer.zero_grad()
        loss = torch.stack(query).mean()
        loss.backward()
        optimizer.step()
        grads = [p.grad for p in params]
        return torch.stack(first).mean(), loss.detach(), lambda: [g.numpy() for g in grads]

    run(peer, iterate)


PEERS = {
    "jax_jit_vmap": lambda name: jax_peer(name, "vmap"),
    "jax_jit_unrolled": lambda name: jax_peer(name, "loop"),
    "torch_func_vmap": func_peer,
    "torchopt_MetaSGD_loop": torchopt_peer,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("workloads", nargs="*", help="names of workloads (default w4x4)")
    parser.add_argument("--only", help="peers to run, separated by commas (default all)")
    parser.add_argument("--list", action="store_true", help="show the names of the peers")
    options = parser.parse_args()
    if options.list:
        return print("\n".join(PEERS))
    names = list(PEERS) if options.only is None else options.only.split(",")
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        parser.error(f"unknown peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if options.workloads and not any(w.startswith("w4x4") for w in options.workloads):
        return
    for name in names:
        try:
            PEERS[name](name)
        except Exception as error:  # a missing library, or what a compiler refuses
            line(name, "skipped", why=f"{type(error).__name__}: {error}"[:400])


if __name__ == "__main__":
    main()
