// Memory of tasks that read what strangers made. A thread that comes to its heap's limit in small
// steps is ended by Node.js alone, but one large allocation past it aborts the whole process, and
// buffers are not counted at all. So the process is measured while such tasks run, and the task
// in whose time it grew too much is ended long before the heap's own limit.

const POLL_MS = 20;
const MIB = 1024 * 1024;

interface Watched {
  readonly controller: AbortController;
  /** Resident bytes of the process above which the task is ended. */
  readonly bytesMax: number;
}

/** A task that is being watched. */
export interface MemoryWatched {
  /** Aborted when the process grew too much. */
  readonly signal: AbortSignal;
  end(): void;
}

/** Watches tasks; measures nothing while there are none. */
export class MemoryWatch {
  readonly #resident: () => number;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  /** `resident` gives the bytes of the process that are in memory. */
  constructor(resident: () => number = () => process.memoryUsage.rss()) {
    this.#resident = resident;
  }

  /** From now on: the process may grow by so many MiB. */
  begin(mib: number): MemoryWatched {
    const controller = new AbortController();
    const one: Watched = { controller, bytesMax: this.#resident() + mib * MIB };
    this.#watched.add(one);
    this.#timer ??= setInterval(() => this.#measure(), POLL_MS).unref();
    return { signal: controller.signal, end: () => this.#end(one) };
  }

  /** One task at a time: when it is gone, the others may have room again. */
  #measure(): void {
    const bytes = this.#resident();
    let first: Watched | undefined;
    for (const one of this.#watched) {
      if (one.controller.signal.aborted) return;
      if (bytes > one.bytesMax && (first === undefined || one.bytesMax < first.bytesMax))
        first = one;
    }
    first?.controller.abort();
  }

  #end(one: Watched): void {
    this.#watched.delete(one);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
