// A BERT encoder as an ONNX file (opset 17) with random weights: embeddings, attention and feed-forward
// layers as a real export has them, in fp32 or with dynamically quantised matrices (q8).

import { Proto } from "./protobuf.ts";

/** Sizes of the encoder. */
export interface EncoderShape {
  readonly hidden: number;
  readonly heads: number;
  readonly layers: number;
  readonly vocabulary: number;
  readonly positions: number;
  /** Of a cross-encoder: numbers that its last layer makes of the first token. */
  readonly labels?: number;
}

const FLOAT = 1;
const INT8 = 3;
const INT64 = 7;
const attributeTypes = { float: 1, int: 2, ints: 7 } as const;

type Attributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** The bytes of `model.onnx` (`fp32`) or `model_quantized.onnx` (`q8`): the same weights, rounded. */
export function encoderFile(shape: EncoderShape, dtype: "fp32" | "q8", seed = 1): Buffer {
  const graph = new Graph(dtype === "q8", seed);
  const { hidden, heads, layers, labels } = shape;
  const embedded = embeddings(graph, shape);
  const mask = attentionMask(graph);
  let state = graph.norm(embedded, hidden);
  for (let layer = 0; layer < layers; layer += 1) {
    const attended = attention(graph, state, mask, hidden, heads);
    state = graph.norm(graph.node("Add", [state, attended]), hidden);
    const inner = gelu(graph, graph.linear(state, hidden, hidden * 4));
    state = graph.norm(graph.node("Add", [state, graph.linear(inner, hidden * 4, hidden)]), hidden);
  }
  if (labels === undefined) {
    graph.node("Identity", [state], {}, "last_hidden_state");
    return graph.finish("last_hidden_state", ["batch", "length", hidden]);
  }
  const first = graph.node("Gather", [state, graph.ints([], [0])], { axis: 1 });
  graph.node("Identity", [graph.linear(first, hidden, labels)], {}, "logits");
  return graph.finish("logits", ["batch", labels]);
}

function embeddings(graph: Graph, { hidden, vocabulary, positions }: EncoderShape): string {
  const words = graph.node("Gather", [graph.weights([vocabulary, hidden], 1), "input_ids"]);
  const kinds = graph.node("Gather", [graph.weights([2, hidden], 0.1), "token_type_ids"]);
  const length = graph.node("Gather", [graph.node("Shape", ["input_ids"]), graph.ints([], [1])]);
  const places = graph.node("Range", [graph.ints([], [0]), length, graph.ints([], [1])]);
  const placed = graph.node("Gather", [graph.weights([positions, hidden], 0.3), places]);
  return graph.node("Add", [graph.node("Add", [words, kinds]), placed]);
}

/** 0 for tokens, -10,000 for padding, as [batch, 1, 1, length]. */
function attentionMask(graph: Graph): string {
  const tokens = graph.node("Cast", ["attention_mask"], { to: FLOAT });
  const padding = graph.node("Sub", [graph.floats([], [1]), tokens]);
  const far = graph.node("Mul", [padding, graph.floats([], [-10_000])]);
  return graph.node("Unsqueeze", [far, graph.ints([2], [1, 2])]);
}

function attention(graph: Graph, state: string, mask: string, hidden: number, heads: number) {
  const split = (name: string, order: readonly number[]): string => {
    const shape = graph.ints([4], [0, 0, heads, hidden / heads]);
    return graph.node("Transpose", [graph.node("Reshape", [name, shape])], { perm: order });
  };
  const query = split(graph.linear(state, hidden, hidden), [0, 2, 1, 3]);
  const key = split(graph.linear(state, hidden, hidden), [0, 2, 3, 1]);
  const value = split(graph.linear(state, hidden, hidden), [0, 2, 1, 3]);
  const scale = graph.floats([], [1 / Math.sqrt(hidden / heads)]);
  const scores = graph.node("Mul", [graph.node("MatMul", [query, key]), scale]);
  const shares = graph.node("Softmax", [graph.node("Add", [scores, mask])], { axis: -1 });
  const mixed = graph.node("Transpose", [graph.node("MatMul", [shares, value])], {
    perm: [0, 2, 1, 3],
  });
  const joined = graph.node("Reshape", [mixed, graph.ints([3], [0, 0, hidden])]);
  return graph.linear(joined, hidden, hidden);
}

function gelu(graph: Graph, name: string): string {
  const erf = graph.node("Erf", [graph.node("Mul", [name, graph.floats([], [Math.SQRT1_2])])]);
  const gate = graph.node("Add", [erf, graph.floats([], [1])]);
  return graph.node("Mul", [graph.node("Mul", [name, gate]), graph.floats([], [0.5])]);
}

class Graph {
  readonly #nodes: Proto[] = [];
  readonly #tensors: Proto[] = [];
  readonly #isQuantised: boolean;
  #seed: number;
  #named = 0;

  constructor(isQuantised: boolean, seed: number) {
    this.#isQuantised = isQuantised;
    this.#seed = seed;
  }

  node(type: string, inputs: readonly string[], attributes: Attributes = {}, as?: string): string {
    return this.#node(type, inputs, attributes, [as ?? this.#name()])[0] ?? "";
  }

  norm(name: string, size: number): string {
    const ones = this.floats([size], new Array(size).fill(1));
    const zeros = this.floats([size], new Array(size).fill(0));
    return this.node("LayerNormalization", [name, ones, zeros], {
      axis: -1,
      epsilon: { float: 1e-12 },
    });
  }

  linear(name: string, inputs: number, outputs: number): string {
    const values = this.#random(inputs * outputs, 1 / Math.sqrt(inputs));
    const bias = this.weights([outputs], 0.02);
    if (!this.#isQuantised) {
      const matrix = this.floats([inputs, outputs], values);
      return this.node("Add", [this.node("MatMul", [name, matrix]), bias]);
    }
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
    const rounded = Int8Array.from(values, (value) => Math.round(value / scale));
    const matrix = this.#tensor([inputs, outputs], INT8, new Uint8Array(rounded.buffer));
    const [small = "", step = "", zero = ""] = this.#node("DynamicQuantizeLinear", [name], {}, [
      this.#name(),
      this.#name(),
      this.#name(),
    ]);
    const products = this.node("MatMulInteger", [small, matrix, zero]);
    const unscaled = this.node("Cast", [products], { to: FLOAT });
    const factor = this.node("Mul", [step, this.floats([], [scale])]);
    return this.node("Add", [this.node("Mul", [unscaled, factor]), bias]);
  }

  weights(dims: readonly number[], deviation: number): string {
    const size = dims.reduce((product, dim) => product * dim, 1);
    return this.floats(dims, this.#random(size, deviation));
  }

  floats(dims: readonly number[], values: ArrayLike<number>): string {
    return this.#tensor(dims, FLOAT, new Uint8Array(Float32Array.from(values).buffer));
  }

  ints(dims: readonly number[], values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
    return this.#tensor(dims, INT64, bytes);
  }

  finish(output: string, dims: readonly (string | number)[]): Buffer {
    const graph = new Proto();
    for (const node of this.#nodes) graph.message(1, node);
    graph.text(2, "encoder");
    for (const tensor of this.#tensors) graph.message(5, tensor);
    for (const name of ["input_ids", "attention_mask", "token_type_ids"]) {
      graph.message(11, value(name, INT64, ["batch", "length"]));
    }
    graph.message(12, value(output, FLOAT, dims));
    const opset = new Proto().text(1, "").int(2, 17);
    return new Proto().int(1, 8).text(2, "test").message(7, graph).message(8, opset).finish();
  }

  #node(type: string, inputs: readonly string[], attributes: Attributes, outputs: string[]) {
    const node = new Proto();
    for (const input of inputs) node.text(1, input);
    for (const output of outputs) node.text(2, output);
    node.text(3, `${type}_${outputs[0]}`).text(4, type);
    for (const [name, given] of Object.entries(attributes)) node.message(5, attribute(name, given));
    this.#nodes.push(node);
    return outputs;
  }

  #tensor(dims: readonly number[], type: number, bytes: Uint8Array): string {
    const name = this.#name();
    const tensor = new Proto();
    for (const dim of dims) tensor.int(1, dim);
    this.#tensors.push(tensor.int(2, type).text(8, name).bytes(9, bytes));
    return name;
  }

  #name(): string {
    this.#named += 1;
    return `v${this.#named}`;
  }

  /** Roughly normal, the same for the same seed. */
  #random(size: number, deviation: number): Float32Array {
    return Float32Array.from({ length: size }, () => {
      let sum = 0;
      for (let at = 0; at < 3; at += 1) {
        this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
        sum += this.#seed / 2 ** 32 - 0.5;
      }
      return sum * 2 * deviation;
    });
  }
}

function attribute(name: string, given: Attributes[string]): Proto {
  const proto = new Proto().text(1, name);
  if (typeof given === "number") return proto.int(3, given).int(20, attributeTypes.int);
  if (given !== undefined && "float" in given) {
    return proto.float(2, given.float).int(20, attributeTypes.float);
  }
  for (const one of given ?? []) proto.int(8, one);
  return proto.int(20, attributeTypes.ints);
}

function value(name: string, type: number, dims: readonly (string | number)[]): Proto {
  const shape = new Proto();
  for (const dim of dims) {
    shape.message(1, typeof dim === "number" ? new Proto().int(1, dim) : new Proto().text(2, dim));
  }
  const tensor = new Proto().int(1, type).message(2, shape);
  return new Proto().text(1, name).message(2, new Proto().message(1, tensor));
}
