import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  type Attr,
  attr,
  decodeModel,
  DEFAULT_OPSETS,
  ELEM_TYPE,
  type ElemType,
  encodeModel,
  type GraphDef,
  IR_VERSION,
  type ModelDef,
  type NodeDef,
} from "../../src/onnx/mod.ts";

/** A model around `graph`, with everything that the reader fills in. */
function modelOf(graph: Partial<GraphDef>): ModelDef {
  return {
    irVersion: IR_VERSION,
    opsets: DEFAULT_OPSETS,
    producer: "torchopt",
    graph: {
      name: "g",
      nodes: [],
      inputs: [],
      outputs: [],
      valueInfos: [],
      initializers: [],
      ...graph,
    },
  };
}

function nodeWith(attributes: Record<string, Attr>): NodeDef {
  return { name: "n", opType: "Op", domain: "torchopt", inputs: [], outputs: [], attributes };
}

/** Attributes of `nodeWith(attributes)` after a round trip. */
function attributesBack(attributes: Record<string, Attr>): NodeDef["attributes"] {
  const model = decodeModel(encodeModel(modelOf({ nodes: [nodeWith(attributes)] })));
  return model.graph.nodes[0].attributes;
}

Deno.test("encodeModel() writes what decodeModel() reads back", () => {
  const branch: GraphDef = {
    name: "then",
    nodes: [{
      name: "",
      opType: "Identity",
      domain: "",
      inputs: ["x"],
      outputs: ["z"],
      attributes: {},
    }],
    inputs: [],
    outputs: [{ name: "z", dtype: "float32", shape: [2] }],
    valueInfos: [],
    initializers: [],
  };
  const model = modelOf({
    nodes: [
      { name: "a", opType: "Add", domain: "", inputs: ["x", ""], outputs: ["y"], attributes: {} },
      nodeWith({
        float: attr.float(0.5),
        int: attr.int(-1),
        string: attr.string("größer ≥ 1"),
        tensor: attr.tensor({ name: "", dtype: "bool", dims: [], raw: new Uint8Array([1]) }),
        graph: attr.graph(branch),
        floats: attr.floats([1, -2, Infinity]),
        ints: attr.ints([0, 1, 127, 128, 2 ** 31, 2 ** 32, -(2 ** 40)]),
        strings: attr.strings(["", "b"]),
      }),
    ],
    inputs: [{ name: "x", dtype: "float64", shape: ["batch", 3] }, {
      name: "s",
      dtype: "int64",
      shape: [],
    }],
    outputs: [{ name: "y", dtype: "float16" }],
    valueInfos: [{ name: "v", dtype: "uint8", shape: [0, 1] }],
    initializers: [
      {
        name: "w",
        dtype: "float32",
        dims: [2, 2],
        raw: new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer),
      },
    ],
  });
  assertEquals(decodeModel(encodeModel(model)), model);
});

Deno.test("encodeModel() keeps every 64-bit integer", () => {
  const limits = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)];
  assertEquals(attributesBack({ a: attr.ints(limits) }), { a: attr.ints(limits) });
  fc.assert(
    fc.property(fc.array(fc.maxSafeInteger()), (values) => {
      assertEquals(attributesBack({ a: attr.ints(values) }), { a: attr.ints(values) });
    }),
    { numRuns: 200 },
  );
});

Deno.test("encodeModel() keeps names of any length and script", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), (text) => {
      assertEquals(attributesBack({ a: attr.string(text) }), { a: attr.string(text) });
    }),
    { numRuns: 200 },
  );
});

Deno.test("encodeModel() grows its buffer and makes room for long lengths", () => {
  for (const size of [0, 1, 127, 128, 16383, 16384, 100_000, 3_000_000]) {
    const raw = new Uint8Array(size).fill(7);
    const tensor = { name: "w", dtype: "uint8", dims: [size], raw } as const;
    const model = decodeModel(
      encodeModel(modelOf({ nodes: [nodeWith({ t: attr.tensor(tensor) })] })),
    );
    const back = model.graph.nodes[0].attributes?.t;
    assert(back?.kind === "tensor");
    assertEquals(back.value.dims, [size]);
    assertEquals(back.value.raw.length, size);
    assert(back.value.raw.every((byte) => byte === 7));
  }
});

Deno.test("encodeModel() knows every element type", () => {
  for (const dtype of Object.keys(ELEM_TYPE) as ElemType[]) {
    const model = decodeModel(encodeModel(modelOf({ inputs: [{ name: "x", dtype, shape: [1] }] })));
    assertEquals(model.graph.inputs[0].dtype, dtype);
  }
});

Deno.test("encodeModel() refuses integers that are none", () => {
  for (const value of [0.5, NaN, Infinity, 2 ** 53]) {
    const error = assertThrows(
      () => encodeModel(modelOf({ nodes: [nodeWith({ a: attr.int(value) })] })),
      RangeError,
    );
    assertStringIncludes(error.message, `got ${value}`);
  }
});

Deno.test("decodeModel() passes over fields it does not know", () => {
  // Fields 5 (model_version), 6 (doc_string), 100 (8 bytes) and 101 (4 bytes) before the model.
  const extra = [0x28, 9, 0x32, 2, 65, 66, 0xa1, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0xad, 6, 0, 0, 0, 0];
  const model = modelOf({});
  assertEquals(decodeModel(new Uint8Array([...extra, ...encodeModel(model)])), model);
});

Deno.test("decodeModel() reads lists that are not packed", () => {
  // A node with attribute "p": ints 1, -1 and type INTS, one tag for each element.
  const attribute = [
    ...[0x0a, 1, 0x70],
    ...[0x40, 1],
    ...[0x40, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
    ...[0xa0, 1, 7],
  ];
  const node = [0x2a, attribute.length, ...attribute];
  const graph = [0x0a, node.length, ...node];
  const model = decodeModel(new Uint8Array([0x3a, graph.length, ...graph]));
  assertEquals(model.graph.nodes[0].attributes, { p: attr.ints([1, -1]) });
});

Deno.test("decodeModel() answers every cut or corrupted model with an error or a model", () => {
  const whole = encodeModel(modelOf({
    nodes: [
      nodeWith({
        a: attr.ints([1, 2]),
        t: attr.tensor({ name: "t", dtype: "int32", dims: [1], raw: new Uint8Array(4) }),
      }),
    ],
    inputs: [{ name: "x", dtype: "float32", shape: [3] }],
  }));
  for (let end = 0; end < whole.length; end++) {
    try {
      decodeModel(whole.subarray(0, end));
    } catch (error) {
      assertInstanceOf(error, RangeError);
    }
  }
  for (let at = 0; at < whole.length; at++) {
    const bytes = whole.slice();
    bytes[at] ^= 0x55;
    try {
      decodeModel(bytes);
    } catch (error) {
      assert(error instanceof RangeError || error instanceof TypeError, String(error));
    }
  }
});

Deno.test("decodeModel() names what is wrong", () => {
  assertThrows(() => decodeModel(new Uint8Array()), RangeError, "no graph");
  assertThrows(() => decodeModel(new Uint8Array([0x3a, 200, 1, 0])), RangeError, "byte");
  // Input "x" with element type 8 (string).
  const type = [0x12, 4, 0x0a, 2, 0x08, 8];
  const input = [0x5a, 3 + type.length, 0x0a, 1, 0x78, ...type];
  assertThrows(
    () => decodeModel(new Uint8Array([0x3a, input.length, ...input])),
    TypeError,
    "value 'x' has element type 8",
  );
});
