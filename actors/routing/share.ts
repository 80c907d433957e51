// Trained weights in memory that threads share: the thread that trained them hands over where they
// are, and no other copies megabytes on its event loop to have them.

import type { Weights } from "./training.ts";

const BYTES = 8;

/** The same weights, their arrays side by side in one shared buffer. Nobody writes to it any more. */
export function shared(weights: Weights): Weights {
  const arrays = Object.entries(weights).flatMap(([name, value]) =>
    ArrayBuffer.isView(value) ? [[name, value as TypedArray] as const] : [],
  );
  const sizeOf = ({ byteLength }: TypedArray): number => Math.ceil(byteLength / BYTES) * BYTES;
  const buffer = new SharedArrayBuffer(arrays.reduce((sum, [, array]) => sum + sizeOf(array), 0));
  const moved: Record<string, TypedArray> = {};
  let offset = 0;
  for (const [name, array] of arrays) {
    const there = viewLike(array, buffer, offset);
    there.set(array);
    moved[name] = there;
    offset += sizeOf(array);
  }
  return { ...weights, ...moved };
}

type TypedArray = Int32Array | Uint16Array | Float32Array;

function viewLike(array: TypedArray, buffer: SharedArrayBuffer, offset: number): TypedArray {
  if (array instanceof Int32Array) return new Int32Array(buffer, offset, array.length);
  if (array instanceof Uint16Array) return new Uint16Array(buffer, offset, array.length);
  return new Float32Array(buffer, offset, array.length);
}
