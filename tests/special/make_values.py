"""Makes values.json: special functions with first and second derivatives, to 30 digits and more.

    python3 -m venv VENV && VENV/bin/pip install mpmath==1.4.1
    VENV/bin/python tests/special/make_values.py

Every function is written as its definition reads and evaluated with 700 digits, so that no
cancellation matters; derivatives by propagating them (value, gradient, Hessian) through each
operation. The results are rounded once, to float64. 1e999 stands for infinity.

values.json: {"points": {set: [[x, ...], ...]},
              "functions": {name: {"points": set, "values": [[f, f_1.., f_11, f_12.., f_nn], ...]}}}
"""

import json
import os
import random
import struct
from mpmath import mp, mpf

mp.dps = 700
random.seed(7)


class Jet:
    """A number with its gradient and Hessian."""

    def __init__(self, v, g, h):
        self.v, self.g, self.h = v, g, h

    def unary(self, f, d, dd):
        n = range(len(self.g))
        return Jet(f, [d * a for a in self.g],
                   [[d * self.h[i][j] + dd * self.g[i] * self.g[j] for j in n] for i in n])

    def lift(self, other):
        if isinstance(other, Jet):
            return other
        zero = [mpf(0)] * len(self.g)
        return Jet(mpf(other), zero, [zero for _ in self.g])

    def __add__(self, other):
        o, n = self.lift(other), range(len(self.g))
        return Jet(self.v + o.v, [self.g[i] + o.g[i] for i in n],
                   [[self.h[i][j] + o.h[i][j] for j in n] for i in n])

    def __mul__(self, other):
        o, n = self.lift(other), range(len(self.g))
        return Jet(self.v * o.v, [self.g[i] * o.v + self.v * o.g[i] for i in n],
                   [[self.h[i][j] * o.v + self.v * o.h[i][j] + self.g[i] * o.g[j] +
                     self.g[j] * o.g[i] for j in n] for i in n])

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self.lift(other)

    def __rsub__(self, other):
        return self.lift(other) - self

    def __truediv__(self, other):
        return self * inverse(self.lift(other))

    def __rtruediv__(self, other):
        return self.lift(other) / self

    __radd__, __rmul__ = __add__, __mul__


def inverse(x):
    r = 1 / x.v
    return x.unary(r, -r * r, 2 * r ** 3)


def exp(x):
    y = mp.exp(x.v)
    return x.unary(y, y, y)


def log(x):
    return x.unary(mp.log(x.v), 1 / x.v, -1 / x.v ** 2)


def sqrt(x):
    y = mp.sqrt(x.v)
    return x.unary(y, 1 / (2 * y), -1 / (4 * y ** 3))


def power(x, p):
    p = mpf(p)
    y = mp.power(x.v, p)
    return x.unary(y, p * y / x.v, p * (p - 1) * y / x.v ** 2)


def sin(x):
    s, c = mp.sin(x.v), mp.cos(x.v)
    return x.unary(s, c, -s)


def cos(x):
    s, c = mp.sin(x.v), mp.cos(x.v)
    return x.unary(c, -s, -c)


def atan(x):
    r = 1 / (1 + x.v ** 2)
    return x.unary(mp.atan(x.v), r, -2 * x.v * r * r)


def asin(x):
    r = 1 - x.v ** 2
    return x.unary(mp.asin(x.v), r ** mpf(-0.5), x.v * r ** mpf(-1.5))


def erf(x):
    d = 2 / mp.sqrt(mp.pi) * mp.exp(-x.v ** 2)
    return x.unary(mp.erf(x.v), d, -2 * x.v * d)


def erfinv(x):
    y = mp.erfinv(x.v)
    d = mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return x.unary(y, d, 2 * y * d * d)


def absolute(x):
    return -x if x.v < 0 else x


def total(xs):
    s = xs[0]
    for x in xs[1:]:
        s = s + x
    return s


def sinh(x):
    return (exp(x) - exp(-x)) / 2


def cosh(x):
    return (exp(x) + exp(-x)) / 2


def sigmoid(x):
    return 1 / (1 + exp(-x))


def tanh(x):
    # By the decaying exponential.
    return -tanh(-x) if x.v < 0 else (1 - exp(-2 * x)) / (1 + exp(-2 * x))


def softplus(x, beta=1, threshold=20):
    # PyTorch's definition: x itself above the threshold.
    return x if beta * x.v > threshold else log(1 + exp(beta * x)) / beta


def elu(x, alpha=1):
    return x if x.v > 0 else mpf(alpha) * (exp(x) - 1)


def gelu_tanh(x):
    inner = mp.sqrt(2 / mp.pi) * (x + mpf(0.044715) * x * x * x)
    return x * sigmoid(2 * inner)


def logsumexp(xs):
    return log(total([exp(x) for x in xs]))


def norm(xs, p):
    return power(total([power(absolute(x), p) for x in xs]), mpf(1) / mpf(p))


def mean(xs):
    return total(xs) / len(xs)


def variance(xs):
    m = mean(xs)
    return total([(x - m) * (x - m) for x in xs]) / (len(xs) - 1)


def huber(d, delta):
    a = absolute(d)
    return d * d / 2 if a.v <= delta else mpf(delta) * (a - mpf(delta) / 2)


def at_least(x, least):
    return x if x.v >= mpf(least) else x.lift(mpf(least))


def cosine(a, b, c, d):
    return (a * c + b * d) / (sqrt(a * a + b * b) * sqrt(c * c + d * d))


def single(x):
    """The nearest float32."""
    return struct.unpack("f", struct.pack("f", x))[0]


def full(x):
    """A number near x with a full mantissa."""
    return x * (1 + random.random() / 64)


# Magnitudes that float32 has too, and those of float64 only.
BOTH = [1.4e-45, 3e-42, 1.2e-38, 1e-30, 1e-20, 1e-12, 3e-8, 1e-7, 1e-5, 1e-3, 0.02, 0.1, 0.24, 0.45,
        0.5, 0.68, 0.84, 0.99, 1, 1.3, 2, 2.5, 3.1, 4, 5, 6, 7.5, 9, 10, 12, 15, 17, 19.5, 21, 26, 35,
        43, 50, 65, 80, 87, 102, 110, 1e3, 1e4, 1e6, 1e9, 1e12, 1e16, 1.7e19, 1e25, 1e30, 3.3e38]
WIDE = [5e-324, 1e-310, 2.3e-308, 1e-200, 1e-160, 1e-100, 1e-50, 1e-17, 1e-15, 0.3, 1.1, 8.5, 13, 20, 30, 150,
        300, 350, 371, 400, 600, 700, 708, 740, 750, 1e50, 1e100, 1e150, 1e160, 1e200, 1.7e308]
POSITIVE = [single(full(x) if 1e-37 < x < 3e38 else x) for x in BOTH] + \
    [full(x) if 1e-307 < x < 1e308 else x for x in WIDE]
# Either side of 1.
NEAR = [single(1 + s * full(d)) for d in (1.2e-7, 1e-6, 1e-4, 0.01, 0.1, 0.3) for s in (1, -1)] + \
    [1 + s * full(d) for d in (2.3e-16, 1e-14, 1e-11, 1e-9) for s in (1, -1)]
REAL = [s * x for x in POSITIVE + NEAR for s in (1, -1)]
INSIDE = [x for x in REAL if abs(x) < 1]


def one(xs):
    return [[x] for x in sorted(set(xs))]


def pairs(left, right):
    return [[single(full(a) * s), single(full(b) * t)]
            for a in left for b in right for s in (1, -1) for t in (1, -1)]


def rows(n, sizes):
    """Rows of n numbers of each size: of that size all, and one far larger than the others."""
    out = []
    for s in sizes:
        out.append([single(s * random.uniform(-1, 1)) for _ in range(n)])
        out.append([single(s * random.uniform(-1, 1) * (1 if i == n - 1 else 1e-3)) for i in range(n)])
        out.append([single(s + s * random.uniform(0, 1e-3)) for _ in range(n)])
    return out


POINTS = {
    "real": one(REAL),
    "positive": one(x for x in POSITIVE + NEAR if x > 0),
    "above -1": one(x for x in REAL if x > -1),
    "above 1": one(x for x in POSITIVE + NEAR if x > 1),
    "inside": one(INSIDE),
    "inside 0 1": one(x for x in INSIDE if x > 0),
    "powers": [[single(full(a)), single(full(b) * t)]
               for a in (1e-30, 1e-5, 0.3, 0.99, 1.01, 3, 40, 1e8, 1e25)
               for b in (1e-20, 1e-3, 0.4, 1.6, 2.7, 5) for t in (1, -1)],
    "planes": pairs((1e-30, 1e-18, 1e-5, 1, 7, 1e6, 1e20), (1e-25, 1e-5, 0.9, 30, 1e19)),
    "chances": [[single(full(a)), single(full(b))] for a in (3e-12, 1e-8, 1e-3, 0.3, 0.7)
                for b in (1e-9, 0.2, 0.95)] +
               [[single(1 - full(a)), single(full(b))] for a in (2e-7, 1e-5, 1e-2)
                for b in (1e-9, 0.2, 0.95)],
    "scores": [[single(full(a) * s), single(full(b))]
               for a in (1e-20, 1e-4, 0.5, 3, 15, 30, 80, 1e3, 1e30) for b in (1e-3, 0.2, 0.95)
               for s in (1, -1)],
    "rows": rows(3, (1e-6, 1e-2, 1, 7, 40, 90, 1e4)),
    "spread": [r for i, r in enumerate(rows(3, (1e-4, 1e-2, 1, 40, 1e4, 1e7))) if i % 3 < 2],
    "lengths": rows(3, (1e-30, 1e-12, 1e-2, 1, 1e5, 1e12, 1e25)),
    "angles": [r for i, r in enumerate(rows(4, (1e-3, 1, 1e4))) if i % 3 < 2],
}

UNARY = {
    "real": {
        "exp": exp,
        "expm1": lambda x: exp(x) - 1,
        "exp2": lambda x: exp(mp.log(2) * x),
        "reciprocal": inverse,
        "square": lambda x: x * x,
        "pow 3": lambda x: x * x * x,
        "pow -2": lambda x: 1 / (x * x),
        "sin": sin,
        "cos": cos,
        "tan": lambda x: sin(x) / cos(x),
        "atan": atan,
        "sinh": sinh,
        "cosh": cosh,
        "tanh": tanh,
        "asinh": lambda x: log(x + sqrt(x * x + 1)) if x.v > 0 else -log(-x + sqrt(x * x + 1)),
        "erf": erf,
        "erfc": lambda x: 1 - erf(x),
        "sigmoid": sigmoid,
        "logSigmoid": lambda x: log(sigmoid(x)),
        "softplus": softplus,
        "softplus beta 2": lambda x: softplus(x, 2),
        "silu": lambda x: x * sigmoid(x),
        "gelu": lambda x: x * (1 + erf(x / mp.sqrt(2))) / 2,
        "gelu tanh": gelu_tanh,
        "mish": lambda x: x * tanh(log(1 + exp(x))),
        "elu": elu,
        "selu": lambda x: mpf(1.0507009873554805) * elu(x, 1.6732632423543772),
        "softsign": lambda x: x / (1 + absolute(x)),
    },
    "positive": {
        "log": log,
        "log2": lambda x: log(x) / mp.log(2),
        "log10": lambda x: log(x) / mp.log(10),
        "sqrt": sqrt,
        "rsqrt": lambda x: 1 / sqrt(x),
        "pow 1.75": lambda x: power(x, 1.75),
        "pow -0.5": lambda x: 1 / sqrt(x),
    },
    "above -1": {"log1p": lambda x: log(1 + x)},
    "above 1": {"acosh": lambda x: log(x + sqrt(x * x - 1))},
    "inside": {
        "asin": asin,
        "acos": lambda x: mp.pi / 2 - asin(x),
        "atanh": lambda x: log((1 + x) / (1 - x)) / 2,
        "erfinv": erfinv,
    },
    "inside 0 1": {"logit": lambda x: log(x / (1 - x))},
}
SEVERAL = {
    "powers": {"pow": lambda x, y: exp(y * log(x))},
    "planes": {
        "atan2": lambda y, x: atan(y / x) + (0 if x.v > 0 else mp.pi if y.v > 0 else -mp.pi),
        "div": lambda x, y: x / y,
        "glu": lambda x, y: x * sigmoid(y),
        "huberLoss": lambda x, y: huber(x - y, 1.5),
        "smoothL1Loss": lambda x, y: huber(x - y, 0.5) / mpf(0.5),
    },
    "chances": {
        "binaryCrossEntropy": lambda x, t: -(t * log(x) + (1 - t) * log(1 - x)),
        "klDiv": lambda t, x: x * (log(x) - t),
    },
    "scores": {
        "binaryCrossEntropyWithLogits": lambda x, t: (1 - t) * x + log(1 + exp(-x)),
        "klDiv log": lambda x, t: exp(t) * (t - x),
    },
    "rows": {
        "logsumexp": lambda *xs: logsumexp(xs),
        "softmax": lambda *xs: exp(xs[0] - logsumexp(xs)),
        "logSoftmax": lambda *xs: xs[0] - logsumexp(xs),
        "crossEntropy": lambda *xs: logsumexp(xs) - xs[1],
        "crossEntropy smooth":
            lambda *xs: logsumexp(xs) - (1 - mpf(0.1)) * xs[1] - mpf(0.1) * mean(xs),
        "var": lambda *xs: variance(xs),
        "std": lambda *xs: sqrt(variance(xs)),
    },
    "spread": {
        "layerNorm": lambda *xs: (xs[0] - mean(xs)) / sqrt(variance(xs) * 2 / 3 + mpf(1e-5)),
        "rmsNorm": lambda *xs: xs[0] / sqrt(mean([x * x for x in xs]) + mpf(1e-5)),
    },
    "lengths": {
        "norm": lambda *xs: norm(xs, 2),
        "norm 1.5": lambda *xs: norm(xs, 1.5),
        "norm 3": lambda *xs: norm(xs, 3),
        "norm 0.5": lambda *xs: norm(xs, 0.5),
        "norm -1": lambda *xs: norm(xs, -1),
        "normalize": lambda *xs: xs[0] / at_least(norm(xs, 2), 1e-12),
    },
    "angles": {"cosineSimilarity": cosine},
}


def number(x):
    f = float(mp.nstr(x, 30))
    if f in (float("inf"), float("-inf")):
        return "1e999" if f > 0 else "-1e999"
    text = repr(f)
    return text[:-2] if text.endswith(".0") else text


def evaluate(fn, point):
    n = range(len(point))
    args = [Jet(mpf(x), [mpf(i == j) for j in n], [[mpf(0) for _ in n] for _ in n])
            for i, x in enumerate(point)]
    y = fn(*args)
    return [number(v) for v in [y.v] + y.g + [y.h[i][j] for i in n for j in n if j >= i]]


def main():
    lines = ['{"points":{']
    lines.append(",\n".join(
        f'"{name}":[' + ",".join("[" + ",".join(number(mpf(x)) for x in p) + "]" for p in points) + "]"
        for name, points in POINTS.items()))
    lines.append('},"functions":{')
    entries = []
    for table in (UNARY, SEVERAL):
        for points, functions in table.items():
            for name, fn in functions.items():
                values = ",".join("[" + ",".join(evaluate(fn, p)) + "]" for p in POINTS[points])
                entries.append(f'"{name}":{{"points":"{points}","values":[{values}]}}')
    lines.append(",\n".join(entries))
    lines.append("}}\n")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "values.json")
    with open(path, "w") as file:
        file.write("\n".join(lines))
    json.load(open(path))


main()
