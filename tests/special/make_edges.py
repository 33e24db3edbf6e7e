"""Makes edges.json: what JAX gives where functions have kinks, poles and infinities.

    python3 -m venv VENV && VENV/bin/pip install jax==0.10.2 jaxlib==0.10.2
    VENV/bin/python tests/special/make_edges.py

edges.json: {name: [[[arguments], value, [gradient], [Hessian, rows after one another]], ...]} with
"nan", "inf" and "-inf" for what JSON has no numbers for. Functions of rows take their first element
or sum, as functions.ts does.
"""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
INF = float("inf")
ENDS = [[INF], [-INF], [0.0]]

UNARY = {
    "abs": (jnp.abs, [[0.0], [INF], [-INF]]),
    "sqrt": (jnp.sqrt, [[0.0], [-1.0], [INF]]),
    "rsqrt": (jax.lax.rsqrt, [[0.0], [INF]]),
    "reciprocal": (lambda x: 1 / x, ENDS),
    "square": (jnp.square, [[0.0], [INF]]),
    "exp": (jnp.exp, ENDS),
    "exp2": (jnp.exp2, ENDS),
    "expm1": (jnp.expm1, ENDS),
    "log": (jnp.log, [[0.0], [INF], [-1.0]]),
    "log2": (jnp.log2, [[0.0], [INF], [1.0]]),
    "log10": (jnp.log10, [[0.0], [INF], [1.0]]),
    "log1p": (jnp.log1p, [[-1.0], [0.0], [INF], [-2.0]]),
    "sin": (jnp.sin, [[0.0], [INF]]),
    "cos": (jnp.cos, [[0.0], [INF]]),
    "tan": (jnp.tan, [[0.0], [INF]]),
    "asin": (jnp.arcsin, [[0.0], [1.0], [-1.0], [2.0]]),
    "acos": (jnp.arccos, [[0.0], [1.0], [-1.0], [2.0]]),
    "atan": (jnp.arctan, ENDS),
    "sinh": (jnp.sinh, ENDS),
    "cosh": (jnp.cosh, ENDS),
    "tanh": (jnp.tanh, ENDS),
    "asinh": (jnp.arcsinh, ENDS),
    "acosh": (jnp.arccosh, [[1.0], [0.5], [INF]]),
    "atanh": (jnp.arctanh, [[0.0], [1.0], [-1.0], [2.0]]),
    "erf": (jax.lax.erf, ENDS),
    "erfc": (jax.lax.erfc, ENDS),
    "erfinv": (jax.lax.erf_inv, [[0.0], [1.0], [-1.0], [2.0]]),
    "sigmoid": (jax.nn.sigmoid, ENDS),
    "logSigmoid": (jax.nn.log_sigmoid, ENDS),
    "softplus": (jax.nn.softplus, ENDS),
    "logit": (jax.scipy.special.logit, [[0.0], [1.0], [0.5], [2.0]]),
    "relu": (jax.nn.relu, ENDS),
    "leakyRelu": (jax.nn.leaky_relu, ENDS),
    "elu": (jax.nn.elu, ENDS),
    "selu": (jax.nn.selu, ENDS),
    "silu": (jax.nn.silu, ENDS),
    "mish": (jax.nn.mish, ENDS),
    "gelu": (lambda x: jax.nn.gelu(x, approximate=False), ENDS),
    "gelu tanh": (lambda x: jax.nn.gelu(x, approximate=True), ENDS),
    "softsign": (jax.nn.soft_sign, ENDS),
    "relu6": (jax.nn.relu6, [[0.0], [6.0], [INF], [-INF]]),
    "hardtanh": (jax.nn.hard_tanh, [[1.0], [-1.0], [INF], [-INF]]),
    **{f"pow {k}": (lambda x, k=k: x ** k, [[0.0], [-2.0]])
       for k in (0, 1, 2, 3, 4, 5, 0.5, 1.5, 2.5, -0.5, -1, -2)},
}
PLANE = [0.0, 1.0, -1.0]
SEVERAL = {
    "pow": (lambda x, y: x ** y,
            [[a, b] for a in (0.0, -2.0, 2.0) for b in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, -2.0)]),
    "atan2": (jnp.arctan2, [[y, x] for y in PLANE for x in PLANE] + [[INF, 1.0], [1.0, INF]]),
    "div": (lambda x, y: x / y, [[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, INF]]),
    "maximum": (jnp.maximum, [[1.0, 1.0], [INF, INF], [1.0, 2.0]]),
    "minimum": (jnp.minimum, [[1.0, 1.0], [-INF, -INF], [1.0, 2.0]]),
    "amax": (lambda *x: jnp.max(jnp.stack(x)), [[1.0, 1.0, 0.0], [2.0, 2.0, 2.0]]),
    "amin": (lambda *x: jnp.min(jnp.stack(x)), [[1.0, 1.0, 2.0], [2.0, 2.0, 2.0]]),
    "prod": (lambda *x: jnp.prod(jnp.stack(x)), [[0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]]),
    "logsumexp": (lambda *x: jax.nn.logsumexp(jnp.stack(x)),
                  [[-INF, 0.0, 1.0], [-INF, -INF, 1.0], [-INF, -INF, -INF], [INF, 0.0, 1.0],
                   [1.0, 1.0, 1.0]]),
    "softmax": (lambda *x: jax.nn.softmax(jnp.stack(x))[0],
                [[-INF, 0.0, 1.0], [0.0, -INF, 1.0], [1.0, -INF, -INF], [-INF, -INF, -INF],
                 [1.0, 1.0, 1.0]]),
    "logSoftmax": (lambda *x: jax.nn.log_softmax(jnp.stack(x))[0],
                   [[0.0, -INF, 1.0], [1.0, -INF, -INF], [-INF, -INF, -INF], [1.0, 1.0, 1.0]]),
    "var": (lambda *x: jnp.var(jnp.stack(x), ddof=1), [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]),
    "std": (lambda *x: jnp.std(jnp.stack(x), ddof=1), [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]),
    **{f"norm {k}": (lambda *x, k=k: jnp.linalg.norm(jnp.stack(x), k),
                     [[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
       for k in (1, 2, 3, 1.5, 0.5, -1)},
    "norm Infinity": (lambda *x: jnp.linalg.norm(jnp.stack(x), INF),
                      [[0.0, 0.0, 0.0], [2.0, -2.0, 1.0]]),
    "norm squared": (lambda *x: jnp.linalg.norm(jnp.stack(x)) ** 2,
                     [[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]]),
    "cosineSimilarity": (
        lambda a, b, c, d: (a * c + b * d) /
        (jnp.maximum(jnp.sqrt(a * a + b * b), 1e-8) * jnp.maximum(jnp.sqrt(c * c + d * d), 1e-8)),
        [[0.0, 0.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0], [3.0, 4.0, 0.0, 2.0]]),
    "huberLoss": (lambda x, y: jnp.where(abs(x - y) <= 1.5, 0.5 * (x - y) ** 2,
                                         1.5 * (abs(x - y) - 0.75)),
                  [[0.0, 0.0], [1.5, 0.0], [-1.5, 0.0], [INF, 0.0]]),
}


def number(x):
    x = float(x)
    return x if np.isfinite(x) else str(x)


def entry(fn, point):
    args = [jnp.float64(x) for x in point]
    n = range(len(args))
    gradient = jax.grad(fn, tuple(n))
    hessian = [jax.grad(lambda *a, i=i: gradient(*a)[i], tuple(n))(*args) for i in n]
    return [[number(x) for x in point], number(fn(*args)), [number(g) for g in gradient(*args)],
            [number(h) for row in hessian for h in row]]


def main():
    lines = [json.dumps(name) + ":" + json.dumps([entry(fn, p) for p in points], separators=(",", ":"))
             for name, (fn, points) in {**UNARY, **SEVERAL}.items()]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "edges.json")
    with open(path, "w") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


main()
