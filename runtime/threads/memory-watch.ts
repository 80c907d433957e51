// Memory of tasks that read what strangers made. A thread that comes to its heap's limit in small
// steps is ended by Node.js alone, but one large allocation past it aborts the whole process, and
// buffers are not counted at all. So the process is measured while such tasks run, and one
// in whose time it grew too much is ended long before the heap's own limit. Whose memory it was nobody
// can tell while there are several: so a task may be watched alone, and what grows then is its own.

const POLL_MS = 20;
const MIB = 1024 * 1024;

interface Watched {
  readonly controller: AbortController;
  readonly isAlone: boolean;
  readonly mib: number;
  /** Resident bytes of the process above which the task is ended. */
  bytesMax: number;
}

/** How a task is watched. */
export interface WatchOptions {
  /** What the process may grow by, from the least that it has in the task's time. */
  readonly mib: number;
  /** Those watched before it end first, and later ones wait for its end. */
  readonly isAlone: boolean;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** A task that is being watched. */
export interface MemoryWatched {
  /** Aborted when the process grew too much. */
  readonly signal: AbortSignal;
  /** Its memory is free again. */
  end(): void;
}

interface Waiting {
  readonly isAlone: boolean;
  readonly start: () => void;
}

/** Watches tasks; measures nothing while there are none. */
export class MemoryWatch {
  readonly #resident: () => number;
  readonly #watched = new Set<Watched>();
  /** First come, first served: no more than there are threads. */
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** `resident` gives the bytes of the process that are in memory. */
  constructor(resident: () => number = () => process.memoryUsage.rss()) {
    this.#resident = resident;
  }

  /** From when it resolves. @throws the signal's reason. */
  begin({ mib, isAlone, signal }: WatchOptions): Promise<MemoryWatched> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve(this.#watch(mib, isAlone));
      };
      const waiting: Waiting = { isAlone, start };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason as Error);
        this.#admit();
      };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) onAbort();
      else this.#admit();
    });
  }

  #admit(): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const [one] = this.#watched;
      if (one !== undefined && (one.isAlone || next.isAlone)) return;
      this.#waiting.shift();
      next.start();
    }
  }

  #watch(mib: number, isAlone: boolean): MemoryWatched {
    const controller = new AbortController();
    const one: Watched = { controller, isAlone, mib, bytesMax: this.#resident() + mib * MIB };
    this.#watched.add(one);
    this.#timer ??= setInterval(() => this.#measure(), POLL_MS).unref();
    return { signal: controller.signal, end: () => this.#end(one) };
  }

  /** One task at a time: when it is gone, the others may have room again. */
  #measure(): void {
    const bytes = this.#resident();
    for (const one of this.#watched) one.bytesMax = Math.min(one.bytesMax, bytes + one.mib * MIB);
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
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#admit();
  }
}
