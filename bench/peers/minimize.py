"""W14 (L-BFGS on Rosenbrock, 1 000 unknowns) in SciPy, optax and PyTorch, one thread each."""

import json
import time

import numpy as np
from scipy.optimize import minimize

N = 1000
X0 = np.where(np.arange(N) % 2 == 0, -1.2, 1.0)


def report(peer, times, x, f, iterations, evaluations, gradient):
    times = sorted(times)
    print(json.dumps({
        "peer": peer,
        "workload": "w14_lbfgs_rosenbrock_1000",
        "metric": "ms_per_iter",
        "median": times[len(times) // 2],
        "min": times[0],
        "n": len(times),
        "check": [float(np.mean(x)), float(f)],
        "iterations": int(iterations),
        "evaluations": int(evaluations),
        "gradient": float(gradient),
    }), flush=True)


def value_and_gradient(x):
    a, b = x[:-1], x[1:]
    d = b - a**2
    g = np.zeros_like(x)
    g[:-1] = -400 * a * d - 2 * (1 - a)
    g[1:] += 200 * d
    return np.sum(100 * d**2 + (1 - a) ** 2), g


def scipy_peer():
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        r = minimize(value_and_gradient, X0, jac=True, method="L-BFGS-B",
                     options={"gtol": 1e-8, "ftol": 0, "maxiter": 20000, "maxfun": 40000, "maxcor": 10})
        times.append((time.perf_counter() - begin) * 1e3)
    report("scipy_lbfgsb", times, r.x, r.fun, r.nit, r.nfev, np.max(np.abs(r.jac)))


def optax_peer():
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)

    def f(x):
        a, b = x[:-1], x[1:]
        return jnp.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2)

    solver = optax.lbfgs(memory_size=10)
    both = optax.value_and_grad_from_state(f)

    @jax.jit
    def run(x):
        def step(carry):
            x, state, k = carry
            value, grad = both(x, state=state)
            updates, state = solver.update(grad, state, x, value=value, grad=grad, value_fn=f)
            return optax.apply_updates(x, updates), state, k + 1

        def go(carry):
            x, state, k = carry
            return (k == 0) | ((jnp.max(jnp.abs(jax.grad(f)(x))) > 1e-8) & (k < 20000))

        return jax.lax.while_loop(go, step, (x, solver.init(x), 0))

    times = []
    for i in range(4):
        begin = time.perf_counter()
        x, state, k = jax.block_until_ready(run(jnp.asarray(X0)))
        if i > 0:
            times.append((time.perf_counter() - begin) * 1e3)
    report("optax_lbfgs_jit", times, np.asarray(x), f(x), k, -1, np.max(np.abs(jax.grad(f)(x))))


def torch_peer():
    import torch

    torch.set_num_threads(1)
    times = []
    for _ in range(2):
        x = torch.tensor(X0, requires_grad=True)
        o = torch.optim.LBFGS([x], lr=1, max_iter=20000, max_eval=40000, tolerance_grad=1e-8,
                              tolerance_change=0, history_size=10, line_search_fn="strong_wolfe")

        def closure():
            o.zero_grad()
            a, b = x[:-1], x[1:]
            loss = (100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()
            loss.backward()
            return loss

        begin = time.perf_counter()
        o.step(closure)
        times.append((time.perf_counter() - begin) * 1e3)
    state = o.state[x]
    report("torch_lbfgs", times, x.detach().numpy(), closure().item(), state["n_iter"], state["func_evals"],
           x.grad.abs().max())


if __name__ == "__main__":
    for peer in (scipy_peer, optax_peer, torch_peer):
        try:
            peer()
        except ImportError as e:
            print(json.dumps({"peer": peer.__name__, "missing": str(e)}))
