// How often something was answered without its question's vector, counted by all threads in one memory.

/** Where it was. */
export const missedWheres = ["search", "memory"] as const;

/** One of them. */
export type MissedWhere = (typeof missedWheres)[number];

/** The counters. */
export interface MissedVectors {
  add(where: MissedWhere): void;
  counts(): Readonly<Record<MissedWhere, number>>;
}

/** The memory that they are in: plain data to hand to other threads. */
export function missedMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(missedWheres.length * Int32Array.BYTES_PER_ELEMENT);
}

/** The counters of a memory, on any thread. */
export function createMissedVectors(memory: SharedArrayBuffer): MissedVectors {
  const cells = new Uint32Array(memory);
  return {
    add: (where) => void Atomics.add(cells, missedWheres.indexOf(where), 1),
    counts: () => {
      const [search, memory] = missedWheres.map((_, at) => Atomics.load(cells, at));
      return { search: search ?? 0, memory: memory ?? 0 };
    },
  };
}
