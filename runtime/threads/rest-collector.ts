// What a thread that has come to rest no longer needs is given back. V8 collects when memory is asked for, so
// what a busy hour left behind would stay as long as nobody comes; and with room for many old objects (see
// adapters/cli/troupe.js) it collects seldom. A collection at rest takes about 1 ms for each MiB that lives.

import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { BusyMeter } from "./loop-load.ts";

/** Between two looks. With two of them the actors of the load's last moment have left the memory too. */
const LOOK_MS = 20_000;
/** A thread rests that was busy for a smaller share of the time since the last look. */
const BUSY_MAX = 0.05;
/** Bytes that a collection has to have given back so that another may follow before there is new load. */
const WORTH_BYTES = 16 * 1024 * 1024;
/** Bytes that the heap of a thread at rest may grow by until it is collected again. */
const GROWTH_BYTES = 64 * 1024 * 1024;
/** After a collection there is none for so many times what it took. */
const TIMES_APART = 100;

/** What it needs of the thread. */
export interface RestSource {
  /** Share of its time, 0..1, that the thread was busy since the last call. */
  busy(): number;
  /** Bytes that its heap holds. */
  heapBytes(): number;
  collect(): void;
  nowMs(): number;
}

/** Collects a thread's heap when the thread has come to rest. */
export class RestCollector {
  readonly #source: RestSource;
  #isDue = true;
  #floorBytes = 0;
  #notBeforeMs = 0;

  constructor(source: RestSource) {
    this.#source = source;
  }

  /** To be called every now and then, at equal distances. */
  look(): void {
    const { busy, heapBytes, collect, nowMs } = this.#source;
    if (busy() > BUSY_MAX) {
      this.#isDue = true;
      return;
    }
    const before = heapBytes();
    if (!this.#isDue && before - this.#floorBytes < GROWTH_BYTES) return;
    const begunMs = nowMs();
    if (begunMs < this.#notBeforeMs) return;
    collect();
    const endMs = nowMs();
    this.#notBeforeMs = endMs + (endMs - begunMs) * TIMES_APART;
    this.#floorBytes = heapBytes();
    this.#isDue = before - this.#floorBytes >= WORTH_BYTES;
  }
}

let timer: NodeJS.Timeout | undefined;

/** From now on this thread is collected at rest, if Node.js was started with `--expose-gc`. */
export function collectAtRest(): void {
  const { gc } = globalThis;
  if (gc === undefined || timer !== undefined) return;
  const meter = new BusyMeter(() => performance.eventLoopUtilization());
  const collector = new RestCollector({
    busy: () => meter.take(),
    heapBytes: () => getHeapStatistics().total_heap_size,
    collect: () => gc(),
    nowMs: () => performance.now(),
  });
  timer = setInterval(() => collector.look(), LOOK_MS).unref();
}
