import { assertEquals, assertThrows } from "@std/assert";
import { solvers, type Tensor, tensor } from "@torchopt/torchopt";

Deno.test("methods of other solvers are refused by name", () => {
  const x0 = tensor([1], { dtype: "float64" }), f = (x: Tensor) => x.sub(2);
  const square = (x: Tensor) => f(x).square().sum();
  // Types refuse them as well.
  const given = (method: unknown) => ({ method: method as never });
  const cases: [() => unknown, string][] = [
    [
      () => solvers.rootFind(f, x0, given(solvers.lbfgs())),
      "rootFind: method is lbfgs(), which is a method of minimize(), wants newton(), chord(), broyden() or ",
    ],
    [
      () => solvers.minimize(square, x0, given(solvers.newton())),
      "minimize: method is newton(), which is a method of rootFind(), wants lbfgs(), bfgs(), ",
    ],
    [
      () => solvers.fixedPoint(f, x0, given(solvers.gaussNewton())),
      "fixedPoint: method is gaussNewton(), which is a method of leastSquares(), wants picard() or anderson().",
    ],
    [
      () => solvers.leastSquares(f, x0, given(solvers.picard())),
      "leastSquares: method is picard(), which is a method of fixedPoint(), wants levenbergMarquardt(), ",
    ],
    [
      () => solvers.rootFind(f, x0, given("newton")),
      'rootFind: method is "newton", wants newton(), chord(), broyden() or bisection({ lower, upper }).',
    ],
  ];
  for (const [call, message] of cases) assertThrows(call, TypeError, message);
});

Deno.test("methods of one's own are taken", () => {
  const own = { ...solvers.newton(), name: "own" };
  const x0 = tensor(1, { dtype: "float64" });
  assertEquals(solvers.rootFind((x: Tensor) => x.sub(2), x0, { method: own }).value.item(), 2);
});
