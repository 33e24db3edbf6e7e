"""Values of PyTorch's distributions, for tests/distributions/values_test.ts.

    pip install torch && python tests/distributions/make_values.py > tests/distributions/values.json

float64 throughout. Each case names a distribution, its parameters (nested arrays), values, and what
PyTorch says: log-densities with their gradients, entropy, mean, variance, cdf and icdf where they are
implemented; and divergences between two parameter sets.
"""

import json
import math
import sys

import torch
import torch.distributions as D

torch.set_default_dtype(torch.float64)


def plain(x):
    if torch.is_tensor(x):
        return plain(x.tolist())
    if isinstance(x, list):
        return [plain(v) for v in x]
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if math.isnan(x) else ("Infinity" if x > 0 else "-Infinity")
    return x


REAL = [-4.0, -1.3, -0.2, 0.0, 0.7, 2.5]
POSITIVE = [0.003, 0.4, 1.0, 2.7, 11.0]
UNIT = [0.001, 0.2, 0.5, 0.83, 0.999]
WEIGHTS = [[0.2, 0.3, 0.5], [0.01, 0.98, 0.01], [0.6, 0.1, 0.3]]
VECTORS = [[0.3, -0.2], [2.0, 1.5], [-3.0, 0.4]]
LOGITS = [[0.1, -2.0, 1.3, 0.0], [3.0, 0.2, -0.7, -4.0]]
LOWER = [[1.5, 0.0], [-0.4, 0.7]]
OTHER = [[0.6, 0.0], [0.3, 1.9]]

# name, several sets of parameters, values
CASES = [
    ("Normal", [dict(loc=0.3, scale=1.7), dict(loc=[-1.0, 0.0, 5.0], scale=[0.1, 1.0, 3.0])], REAL),
    ("LogNormal", [dict(loc=0.3, scale=0.7), dict(loc=-0.5, scale=1.6)], POSITIVE),
    ("Uniform", [dict(low=-5.0, high=3.0), dict(low=-4.5, high=2.6)], REAL),
    ("Exponential", [dict(rate=0.4), dict(rate=[0.1, 1.0, 5.0])], POSITIVE),
    ("Laplace", [dict(loc=0.4, scale=1.2), dict(loc=-2.0, scale=0.3)], REAL),
    ("Gumbel", [dict(loc=0.4, scale=1.2), dict(loc=-2.0, scale=0.6)], REAL),
    ("StudentT", [dict(df=0.7), dict(df=1.5, loc=1.0, scale=2.0), dict(df=30.0, loc=-1.0, scale=0.4)], REAL),
    ("Gamma", [dict(concentration=0.3, rate=2.0), dict(concentration=[1.0, 4.5, 90.0], rate=[0.5, 1.0, 30.0])], POSITIVE),
    ("Beta", [dict(concentration1=0.4, concentration0=0.7), dict(concentration1=[1.0, 5.0, 60.0], concentration0=[2.0, 0.3, 25.0])], UNIT),
    ("Dirichlet", [dict(concentration=[0.5, 1.5, 3.0]), dict(concentration=[[9.0, 2.0, 0.3], [1.0, 1.0, 1.0]])], WEIGHTS),
    ("Bernoulli", [dict(probs=0.3), dict(logits=[-3.0, 0.2, 7.0])], [0.0, 1.0]),
    ("Categorical", [dict(probs=[0.1, 2.0, 0.4, 1.5]), dict(logits=LOGITS)], [0, 1, 2, 3]),
    ("MultivariateNormal", [dict(loc=[0.5, -1.0], scale_tril=LOWER), dict(loc=[[0.0, 0.0], [1.0, 2.0]], scale_tril=OTHER)], VECTORS),
]

# Values against a batch of parameters: one more dimension in front.
def spread(values, batch):
    x = torch.tensor(values)
    return x if not batch else x.reshape(x.shape[:1] + (1,) * len(batch) + x.shape[1:])


def tensors(params):
    return {k: torch.tensor(v, requires_grad=True) for k, v in params.items()}


def make(name, given):
    """The distribution; above the diagonal, factors are not read."""
    own = {k: torch.tril(v) if k == "scale_tril" else v for k, v in given.items()}
    return getattr(D, name)(**own, validate_args=False)


def attempt(fn):
    try:
        return plain(fn())
    except NotImplementedError:
        return None


def case(name, params, values):
    given = tensors(params)
    d = make(name, given)
    x = spread(values, d.batch_shape)
    if name != "Categorical":
        x = x.clone().requires_grad_(x.is_floating_point() and name != "Bernoulli")
    log = d.log_prob(x)
    wrt = list(given.values()) + ([x] if x.requires_grad else [])
    grads = torch.autograd.grad(log.sum(), wrt, allow_unused=True, materialize_grads=True, retain_graph=True)
    entropy = attempt(d.entropy)
    out = dict(
        name=name, params=params, values=values, log_prob=plain(log), grads=[plain(g) for g in grads],
        entropy=entropy, mean=attempt(lambda: d.mean), variance=attempt(lambda: d.variance),
        cdf=attempt(lambda: d.cdf(x)) if name not in ("Bernoulli", "Categorical") else None,
    )
    if entropy is not None:
        own = torch.autograd.grad(
            d.entropy().sum(), list(given.values()), allow_unused=True, materialize_grads=True, retain_graph=True)
        out["entropy_grads"] = [plain(g) for g in own]
    if name not in ("Gamma", "Beta", "StudentT", "Bernoulli", "Categorical", "Dirichlet", "MultivariateNormal"):
        out["icdf"] = attempt(lambda: d.icdf(spread(UNIT, d.batch_shape)))
    return out


def divergence(p_name, p, q_name, q):
    a, b = tensors(p), tensors(q)
    kl = D.kl_divergence(make(p_name, a), make(q_name, b))
    grads = torch.autograd.grad(
        kl.sum(), [*a.values(), *b.values()], allow_unused=True, materialize_grads=True, retain_graph=True)
    return dict(p=dict(name=p_name, params=p), q=dict(name=q_name, params=q), kl=plain(kl),
                grads=[plain(g) for g in grads])


def rsample_gamma():
    """Derivatives of gamma samples in the concentration, at given samples."""
    found = []
    for a in [0.05, 0.4, 1.0, 3.0, 20.0, 500.0]:
        x = D.Gamma(torch.full((5,), a), 1.0).sample()
        found.append(dict(concentration=a, samples=plain(x), slopes=plain(torch._standard_gamma_grad(torch.full((5,), a), x))))
    return found


def main():
    torch.manual_seed(0)
    cases = [case(n, p, v) for n, sets, v in CASES for p in sets]
    pairs = []
    for name, sets, _ in CASES:
        if name == "StudentT":
            continue
        for p in sets:
            for q in sets:
                pairs.append(divergence(name, p, name, q))
    pairs += [
        divergence("Exponential", dict(rate=0.7), "Gamma", dict(concentration=2.5, rate=1.3)),
        divergence("Gamma", dict(concentration=2.5, rate=1.3), "Exponential", dict(rate=0.7)),
        divergence("Uniform", dict(low=-1.0, high=2.0), "Normal", dict(loc=0.3, scale=1.7)),
    ]
    json.dump(dict(unit=UNIT, cases=cases, divergences=pairs, gamma_slopes=rsample_gamma()), sys.stdout, indent=None, separators=(",", ":"))
    sys.stdout.write("\n")


main()
