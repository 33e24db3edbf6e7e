"""The answers of TorchOpt, PyTorch, and JAX with optax: python peers.py LIBRARY NAME ..., as JSON."""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")
os.environ["JAX_PLATFORMS"] = "cpu"


def close(got, want, tolerance=1e-5):
    if not abs(float(got) - want) <= tolerance:
        raise AssertionError(f"got {float(got)}, wants {want}")


def absent(space, *names):
    if not any(hasattr(space, name) for name in names):
        raise AttributeError(f"there is no {names[0]}")


class Torch:
    def __init__(self):
        import torch

        self.t = torch
        self.version = torch.__version__.split("+")[0]

    def leaf(self, x):
        return self.t.tensor(x, requires_grad=True)

    def third_order(self):
        g = self.t.func.grad
        close(g(g(g(lambda x: x**4)))(self.t.tensor(2.0)), 48)

    def forward_mode(self):
        t = self.t
        close(t.func.jvp(t.sin, (t.tensor(0.0),), (t.tensor(2.0),))[1], 2)

    def hessian(self):
        close(self.t.func.hessian(lambda x: (x**3).sum())(self.t.tensor([2.0])), 12)

    def per_example(self):
        f = self.t.func
        close(f.vmap(f.grad(lambda x: x**2))(self.t.tensor([1.0, 3.0]))[1], 6)

    def custom_rule(self):
        class F(self.t.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x**2

            @staticmethod
            def backward(ctx, g):
                return g * 7

        x = self.leaf(1.0)
        close(self.t.autograd.grad(F.apply(x), x)[0], 7)

    def checkpoint(self):
        from torch.utils.checkpoint import checkpoint

        x = self.leaf(0.0)
        close(self.t.autograd.grad(checkpoint(self.t.sin, x, use_reentrant=False), x)[0], 1)

    def adam_differentiable(self):
        lr, w0 = self.leaf(0.1), self.leaf([1.0])
        w = w0.clone()
        w.retain_grad()
        optimizer = self.t.optim.Adam([w], lr=lr, differentiable=True)
        w.grad = self.t.autograd.grad((w**2).sum(), w, create_graph=True)[0]
        optimizer.step()
        close(self.t.autograd.grad(w.sum(), lr)[0], -1)

    def inplace_module(self):
        absent(self.t.optim, "MetaSGD", "extract_state_dict")

    def optimizer_chain(self):
        absent(self.t.optim, "chain")

    def learned_schedule(self):
        o = self.t.optim.SGD([self.leaf([1.0])], lr=1.0)
        s = self.t.optim.lr_scheduler.LambdaLR(o, lambda n: 1 - n / 10)
        for _ in range(5):
            o.step()
            s.step()
        close(o.param_groups[0]["lr"], 0.5)

    def implicit_root(self):
        absent(self.t.func, "custom_root")

    implicit_second = implicit_root

    def zero_order(self):
        absent(self.t.func, "zero_order")

    def linear_solver(self):
        absent(self.t.linalg, "cg")

    def minimize(self):
        x = self.leaf(0.0)
        optimizer = self.t.optim.LBFGS([x], line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            loss = (x - 3) ** 2
            loss.backward()
            return loss

        optimizer.step(closure)
        close(x, 3, 1e-4)

    def scan(self):
        from torch._higher_order_ops.scan import scan

        t = self.t
        a = self.leaf(2.0)
        out, _ = scan(lambda h, x: (h * a + x, h.clone()), t.tensor(0.0), t.ones(3))
        close(t.autograd.grad(out, a)[0], 5)

    def while_gradient(self):
        t = self.t
        from torch._higher_order_ops.while_loop import while_loop

        a = self.leaf(1.0)
        (y,) = while_loop(lambda x: x < 10, lambda x: (x * 2,), (a,))
        close(t.autograd.grad(y, a)[0], 16)

    def compiled_step(self):
        w = self.leaf([1.0])
        optimizer = self.t.optim.Adam([w], lr=0.1)

        @self.t.compile
        def step():
            optimizer.step()

        (w**2).sum().backward()
        step()
        close(w, 0.9, 1e-4)

    def float64(self):
        x = self.t.tensor([1e-12], dtype=self.t.float64)
        close((self.t.expm1(x) / 1e-12) @ self.t.ones(1, dtype=self.t.float64), 1, 1e-11)

    def complex(self):
        close((self.t.tensor(1j) ** 2).real, -1)

    def sparse(self):
        t = self.t
        close((t.eye(2).to_sparse() @ t.ones(2, 1)).sum(), 2)

    def recurrent_layer(self):
        self.t.nn.LSTM(2, 3)(self.t.ones(4, 1, 2))[0].sum().backward()

    def distributions(self):
        N, mu = self.t.distributions.Normal, self.leaf(1.0)
        close(self.t.autograd.grad(N(mu, 1.0).rsample(), mu)[0], 1)
        close(self.t.distributions.kl_divergence(N(0.0, 1.0), N(1.0, 1.0)), 0.5)

    def remote_gradient(self):
        import torch.distributed.autograd as dist_autograd
        import torch.distributed.rpc as rpc

        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29765")
        rpc.init_rpc("worker0", rank=0, world_size=1)
        try:
            with dist_autograd.context() as context:
                x = self.leaf(3.0)
                y = rpc.rpc_sync("worker0", self.t.square, args=(x,))
                dist_autograd.backward(context, [y])
                close(dist_autograd.get_gradients(context)[x], 6)
        finally:
            rpc.shutdown()

    def graph_picture(self):
        absent(self.t.utils, "make_dot")

    def without_python(self):
        raise RuntimeError("no")


class TorchOpt(Torch):
    """TorchOpt on PyTorch: what it lacks itself, PyTorch gives."""

    def __init__(self):
        super().__init__()
        import torchopt

        self.o = torchopt
        self.version = torchopt.__version__

    def adam_differentiable(self):
        t, o = self.t, self.o
        lr, w = self.leaf(0.1), self.leaf([1.0])
        optimizer = o.adam(lr=lambda count: lr)
        (g,) = t.autograd.grad((w**2).sum(), w, create_graph=True)
        u, _ = optimizer.update((g,), optimizer.init((w,)), params=(w,), inplace=False)
        (new,) = o.apply_updates((w,), u, inplace=False)
        close(t.autograd.grad(new.sum(), lr)[0], -1)

    def inplace_module(self):
        t, o = self.t, self.o
        net = t.nn.Linear(1, 1)
        optimizer, state, first = o.MetaSGD(net, lr=0.1), o.extract_state_dict(net), net.weight
        optimizer.step((net(t.ones(1, 1)) ** 2).sum())
        (net(t.ones(1, 1)) ** 2).sum().backward()
        o.recover_state_dict(net, state)
        assert net.weight is first and first.grad is not None

    def optimizer_chain(self):
        t, o = self.t, self.o
        c = o.chain(o.clip_grad_norm(1.0), o.sgd(lr=1.0))
        u, _ = c.update((t.tensor([3.0]),), c.init((t.tensor([0.0]),)))
        close(u[0], -1, 1e-4)

    def learned_schedule(self):
        close(self.o.schedule.linear_schedule(1.0, 0.0, 10, 0)(5), 0.5)

    def root(self):
        t = self.t
        solver = self.o.diff.implicit.custom_root(lambda x, a: x**2 - a, argnums=1)(
            lambda x, a: a.sqrt()
        )
        # Of one element, not a scalar: its CG takes no step for those.
        return lambda a: solver(t.ones(1, dtype=t.float64), a)

    def implicit_root(self):
        a = self.t.tensor([4.0], dtype=self.t.float64, requires_grad=True)
        close(self.t.autograd.grad(self.root()(a), a)[0], 1 / 4)

    def implicit_second(self):
        t = self.t
        a = t.tensor([4.0], dtype=t.float64, requires_grad=True)
        (g,) = t.autograd.grad(self.root()(a), a, create_graph=True)
        close(t.autograd.grad(g, a)[0], -1 / 32)

    def zero_order(self):
        t = self.t
        t.manual_seed(0)
        noise = t.distributions.Normal(0.0, 1.0)
        f = self.o.diff.zero_order.zero_order(
            noise, method="antithetic", num_samples=500, sigma=0.1
        )(lambda x: x**2)
        x = self.leaf(3.0)
        close(t.autograd.grad(f(x), x)[0], 6, 1)

    def linear_solver(self):
        b = self.leaf([2.0])
        x = self.o.linalg.cg(lambda v: v * 4, b)
        close(self.t.autograd.grad(x.sum(), b)[0], 1 / 4)

    def remote_gradient(self):
        d = self.o.distributed
        Torch.remote_gradient(self)
        assert d.autograd.is_available()

    def graph_picture(self):
        assert "digraph" in self.o.visual.make_dot(self.leaf(1.0).sin()).source


class Jax:
    def __init__(self):
        import jax
        import optax

        jax.config.update("jax_enable_x64", True)
        self.j, self.n, self.o = jax, jax.numpy, optax
        self.version = f"{jax.__version__}, optax {optax.__version__}"

    def third_order(self):
        g = self.j.grad
        close(g(g(g(lambda x: x**4)))(2.0), 48)

    def forward_mode(self):
        close(self.j.jvp(self.n.sin, (0.0,), (2.0,))[1], 2)

    def hessian(self):
        close(self.j.hessian(lambda x: (x**3).sum())(self.n.array([2.0]))[0, 0], 12)

    def per_example(self):
        close(self.j.vmap(self.j.grad(lambda x: x**2))(self.n.array([1.0, 3.0]))[1], 6)

    def custom_rule(self):
        f = self.j.custom_vjp(lambda x: x**2)
        f.defvjp(lambda x: (x**2, None), lambda _, g: (g * 7,))
        close(self.j.grad(f)(1.0), 7)

    def checkpoint(self):
        close(self.j.grad(self.j.checkpoint(self.n.sin))(0.0), 1)

    def adam_differentiable(self):
        def f(lr):
            w, o = self.n.array([1.0]), self.o.adam(lr)
            u, _ = o.update(self.j.grad(lambda w: (w**2).sum())(w), o.init(w), w)
            return self.o.apply_updates(w, u).sum()

        close(self.j.grad(f)(0.1), -1)

    def inplace_module(self):
        absent(self.j.nn, "Module")

    def optimizer_chain(self):
        c = self.o.chain(self.o.clip_by_global_norm(1.0), self.o.sgd(1.0))
        u, _ = c.update(self.n.array([3.0]), c.init(self.n.array([0.0])))
        close(u[0], -1, 1e-4)

    def learned_schedule(self):
        close(self.o.linear_schedule(1.0, 0.0, 10)(5), 0.5)

    def root(self, a):
        return self.j.lax.custom_root(
            lambda x: x**2 - a, 1.0, lambda f, x: self.n.sqrt(a), lambda g, y: y / g(1.0)
        )

    def implicit_root(self):
        close(self.j.grad(self.root)(4.0), 1 / 4)

    def implicit_second(self):
        close(self.j.grad(self.j.grad(self.root))(4.0), -1 / 32)

    def zero_order(self):
        absent(self.j, "zero_order")

    def linear_solver(self):
        from jax.scipy.sparse.linalg import cg

        close(self.j.grad(lambda b: cg(lambda v: v * 4, b)[0].sum())(self.n.array([2.0]))[0], 1 / 4)

    def minimize(self):
        o, f = self.o.lbfgs(), lambda x: (x - 3) ** 2
        x = self.n.array(0.0)
        s, vg = o.init(x), self.o.value_and_grad_from_state(f)
        for _ in range(10):
            v, g = vg(x, state=s)
            u, s = o.update(g, s, x, value=v, grad=g, value_fn=f)
            x = self.o.apply_updates(x, u)
        close(x, 3, 1e-4)

    def scan(self):
        f = lambda a: self.j.lax.scan(lambda h, x: (h * a + x, h), 0.0, self.n.ones(3))[0]
        close(self.j.grad(f)(2.0), 5)

    def while_gradient(self):
        f = lambda a: self.j.lax.while_loop(lambda x: x < 10, lambda x: x * 2, a)
        close(self.j.grad(f)(1.0), 16)

    def compiled_step(self):
        o = self.o.adam(0.1)

        @self.j.jit
        def step(w, s):
            u, s = o.update(self.j.grad(lambda w: (w**2).sum())(w), s, w)
            return self.o.apply_updates(w, u), s

        w = self.n.array([1.0])
        close(step(w, o.init(w))[0][0], 0.9, 1e-4)

    def float64(self):
        x = self.n.array([1e-12], dtype="float64")
        close(self.n.expm1(x)[0] / 1e-12, 1, 1e-11)

    def complex(self):
        close((self.n.array(1j) ** 2).real, -1)

    def sparse(self):
        from jax.experimental import sparse

        close((sparse.BCOO.fromdense(self.n.eye(2)) @ self.n.ones((2, 1))).sum(), 2)

    def recurrent_layer(self):
        absent(self.j.nn, "LSTM")

    def distributions(self):
        absent(self.j.scipy.stats, "kl_divergence")

    def remote_gradient(self):
        absent(self.j.distributed, "rpc", "autograd")

    def graph_picture(self):
        assert self.j.jit(self.n.sin).lower(1.0).as_text()
        absent(self.j, "make_dot", "visual")

    def without_python(self):
        raise RuntimeError("no")


library = {"torchopt": TorchOpt, "torch": Torch, "jax": Jax}[sys.argv[1]]()
answers = {"version": library.version}
for name in sys.argv[2:]:
    try:
        getattr(library, name)()
        answers[name] = "yes"
    except Exception as error:
        answers[name] = str(error).strip().split("\n")[0] or type(error).__name__
sys.stdout.write("\n" + json.dumps(answers) + "\n")
sys.stdout.flush()
os._exit(0)
