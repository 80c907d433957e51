// What cuts a run, a step or a request. An AbortController whose signal is asked for costs more than
// many a step (Node 20: 8 us, and 800 bytes straight into the old generation), and most are never
// looked at: here the signal is made when code asks for one, and the runtime itself listens without.

/** An AbortController that makes its signal when it is asked for. */
export class LazyAbort {
  isAborted = false;
  reason: unknown = undefined;
  #controller: AbortController | null = null;
  #calls: (() => void)[] | null = null;

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.isAborted) this.#controller.abort(this.reason);
    }
    return this.#controller.signal;
  }

  /** Aborts once; whoever listens is called in the order in which they came, the signal's last. */
  abort(reason: unknown): void {
    if (this.isAborted) return;
    this.isAborted = true;
    this.reason = reason;
    const calls = this.#calls ?? [];
    this.#calls = null;
    for (const call of calls) call();
    this.#controller?.abort(reason);
  }

  /** Calls once at the abort, unless `off` is called with the same function before. Not called when it is over. */
  onAbort(call: () => void): void {
    this.#calls ??= [];
    this.#calls.push(call);
  }

  off(call: () => void): void {
    const at = this.#calls?.indexOf(call) ?? -1;
    if (at !== -1) this.#calls?.splice(at, 1);
  }
}
