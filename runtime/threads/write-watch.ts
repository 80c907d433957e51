// A commit or flush that takes minutes means that the disk is gone: its thread ends, and with it the
// process, rather than that everybody waits.

const WRITE_MS_MAX = 120_000;
const LOOK_MS = 10_000;

/** Watches the one commit and the one flush that an environment has under way. */
export class WriteWatch {
  readonly #environment: string;
  /** When they began; 0 for none. */
  readonly #beganMs = { commit: 0, flush: 0 };

  /** One timer for all of them: one for each commit and flush cost as much as the rest of it. */
  constructor(environment: string) {
    this.#environment = environment;
    setInterval(() => this.#look(), LOOK_MS).unref();
  }

  /** Waits for the disk; if that takes too long the thread ends. @throws what `work` does. */
  async inTime(work: PromiseLike<unknown>, what: "commit" | "flush"): Promise<void> {
    this.#beganMs[what] = performance.now();
    try {
      await work;
    } finally {
      this.#beganMs[what] = 0;
    }
  }

  #look(): void {
    for (const [what, sinceMs] of Object.entries(this.#beganMs)) {
      if (sinceMs === 0 || performance.now() - sinceMs < WRITE_MS_MAX) continue;
      throw new Error(`A ${what} of ${this.#environment} took over ${WRITE_MS_MAX} ms.`);
    }
  }
}
