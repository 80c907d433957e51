// Small modules of WebAssembly in bytes: what JavaScript has no instructions for. A module is one
// function of whole numbers and its memory.

/** What is used of it; the types of Node.js do not name it. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Instructions, or anything else in bytes. */
export type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;
const PAGE_BYTES = 64 * 1_024;

export const get = (local: number): Code => [0x20, local];
export const set = (local: number): Code => [0x21, local];
export const tee = (local: number): Code => [0x22, local];
/** @param value not negative. */
export const number = (value: number): Code => [0x41, ...signed(value)];
export const addInt: Code = [0x6a];
export const isLess: Code = [0x49];
export const addFloat: Code = [0x92];
export const storeFloat: Code = [0x38, 2, 0];
export const end: Code = [0x0b];
export const loopFrom: Code = [0x03, 0x40];
/** The innermost loop once more, where what was computed last says so. */
export const again: Code = [0x0d, 0];

/** An instruction on 16 bytes at once. */
export const wide = (instruction: number, ...rest: Code): Code => [
  0xfd,
  ...unsigned(instruction),
  ...rest,
];

export const load = (offset: number): Code => wide(0x00, 0, offset);

/** `local` plus what `by` computes. */
export const advanced = (local: number, by: Code): Code => [...get(local), ...by, ...addInt];

/** A function: how many whole numbers it takes, and how many more locals of each kind. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  readonly numbers: number;
  readonly wides: number;
  readonly body: Code;
  readonly memoryBytes: number;
}

/** A new instance: its function under its name, and `memory`. */
export function instanceOf(of: WasmFunction): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(moduleOf(of))).exports;
}

function moduleOf({ name, parameters, numbers, wides, body, memoryBytes }: WasmFunction) {
  const locals = [2, numbers, I32, wides, V128];
  const code = [...locals, ...body, ...end];
  const named = (text: string, kind: number): Code => [
    ...[text.length, ...Buffer.from(text)],
    ...[kind, 0],
  ];
  const section = (id: number, bytes: Code): Code => [id, ...unsigned(bytes.length), ...bytes];
  const kinds = Array.from({ length: parameters }, () => I32);
  return Uint8Array.from([
    ...[...Buffer.from("\0asm"), 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...kinds, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(Math.ceil(memoryBytes / PAGE_BYTES))]),
    ...section(7, [2, ...named("memory", 2), ...named(name, 0)]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** As `unsigned`, with a bit in front that says it is not negative. */
function signed(value: number): Code {
  const bytes = [...unsigned(value)];
  const last = bytes.pop() ?? 0;
  return (last & 64) === 0 ? [...bytes, last] : [...bytes, last | 128, 0];
}

/** Seven bits a byte, the lowest first. */
function unsigned(value: number): Code {
  const bytes: number[] = [];
  let left = value;
  do {
    const more = left > 127;
    bytes.push((left & 127) | (more ? 128 : 0));
    left >>>= 7;
  } while (left > 0);
  return bytes;
}
