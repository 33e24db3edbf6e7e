/**
 * Checks without cuDNN: whatever is computed, no node asks for it. With the library missing, one that does
 * is an error in the run.
 *
 * @module
 */

import { assert, assertThrows } from "@std/assert";
import { compile, linalg, memory, nn, realize, type Tensor, tensor } from "../../mod.ts";
import { onCuda } from "./device.ts";
import { workload } from "./placement.ts";

const numbers = (shape: number[]) =>
  tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)), {
    shape,
  });

const graphs: Record<string, () => Tensor | Tensor[]> = {
  "largest of rows": () => numbers([3, 5]).amax(1),
  "smallest of all": () => numbers([3, 5]).amin(),
  "place of the largest": () => numbers([3, 5]).argmax(0),
  "sum in the middle": () => numbers([3, 5, 2]).sum(1),
  "sum around the middle": () => numbers([2, 3, 4, 4]).sum([0, 2, 3]),
  "product of rows": () => numbers([3, 5]).prod(1),
  "sum of whole numbers": () => tensor([2n ** 53n, 1n, 1n]).sum(),
  "softmax": () => numbers([4, 10]).softmax(1),
  "logsumexp": () => numbers([4, 10]).logsumexp(1),
  "cross-entropy": () => nn.functional.crossEntropy(numbers([4, 10]), tensor([1n, 2n, 3n, 0n])),
  "matrix exponential": () => linalg.matrixExp(numbers([2, 4, 4])),
  "QR": () => linalg.qr(numbers([5, 3])) as unknown as Tensor[],
  "singular values": () => linalg.svdvals(numbers([4, 3])),
};

/** The checks, by name. */
export const cudnnChecks: Record<string, () => string | Promise<string>> = {
  "without cuDNN: it is missing"() {
    assertThrows(() => Deno.dlopen("libcudnn.so.9", {}), Error);
    return "";
  },

  "without cuDNN: reductions, softmax and factorisations run on the device"() {
    return onCuda(() => {
      const before = memory().sessions;
      for (const [name, graph] of Object.entries(graphs)) {
        try {
          realize(...[graph()].flat());
        } catch (error) {
          throw new Error(`${name}: ${(error as Error).message}`);
        }
      }
      const { created, hostNodes } = memory().sessions;
      assert(hostNodes === before.hostNodes, `${hostNodes - before.hostNodes} nodes on the host`);
      return `${Object.keys(graphs).length} graphs, ${created - before.created} sessions`;
    });
  },

  "without cuDNN: a network of convolutions and pooling learns"() {
    return onCuda(() => {
      const net = new nn.Sequential(
        new nn.Conv2d(1, 4, 3, { padding: 1 }),
        new nn.BatchNorm2d(4),
        new nn.ReLU(),
        new nn.MaxPool2d(2),
        new nn.Flatten(),
        new nn.Linear(64, 10),
      );
      const x = numbers([2, 1, 8, 8]), y = tensor([1n, 2n]);
      const step = compile((x: Tensor) => {
        net.zeroGrad();
        const loss = nn.functional.crossEntropy(net.forward(x) as Tensor, y);
        loss.backward();
        return net.parameters().map((p) => p.grad!);
      });
      const before = memory().sessions.hostNodes;
      for (let i = 0; i < 3; i++) realize(...step(x));
      const host = memory().sessions.hostNodes - before;
      assert(host === 0, `${host} nodes on the host`);
      return "3 steps";
    });
  },

  "without cuDNN: w4": () => onCuda(() => workload("w4")),
};
