// What a run's function is given. Everything it does outside goes through a step here, so that a
// second call of the function (after a crash, a move, a refused batch) finds what was done.

import type {
  Attempt,
  ChildSpec,
  Data,
  Outcome,
  RecordRow,
  RunContext,
  StepOptions,
  WaitOptions,
} from "../actor.ts";
import { type Address, addressParts } from "../address.ts";
import type { Timer } from "../clock.ts";
import { fromErrorData, RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { EndWriter } from "./at-end.ts";
import { fingerprint } from "./journal.ts";
import { checkGiven, checkMessage } from "./large.ts";
import type { Run } from "./run.ts";
import { perform, type StepPlan } from "./step.ts";
import { fail, goesOn, keep } from "./step-end.ts";

const ASK_TIMEOUT_MS = 30_000;
const KEY_CHARS_MAX = 200;

/** Never resolves: the run was dropped and will be called again elsewhere. */
const never = new Promise<never>(() => undefined);

/** The context of one run. */
export class Context implements RunContext<Data> {
  readonly #run: Run;
  readonly #start: (child: Run) => void;
  #cutting: Promise<never> | null = null;

  /** @param start calls the function of a child run. */
  constructor(run: Run, start: (child: Run) => void) {
    this.#run = run;
    this.#start = start;
  }

  get self(): Address {
    return this.#run.address;
  }
  get id(): string {
    return this.#run.id;
  }
  get tenant(): string {
    return this.#run.tree.tenant;
  }
  get trace(): string | undefined {
    return this.#run.tree.row.trace;
  }
  get deadlineMs(): number {
    return this.#run.deadlineMs;
  }
  get signal(): AbortSignal {
    return this.#run.abort.signal;
  }
  get ports(): Data {
    return this.#run.tree.engine.options.ports;
  }

  async step<T>(
    key: string,
    call: (attempt: Attempt) => Promise<T> | T,
    options: StepOptions<T> = {},
  ): Promise<T> {
    const print = fingerprint(options.input);
    const stored = this.#stored(key, print);
    if (stored) return stored.result as T;
    await this.#begin(key);
    const plan: StepPlan<T> = { key, print, call, options };
    this.#run.tree.stir();
    try {
      return await this.#working(() => this.#performing(key, () => perform(this.#run, plan)));
    } finally {
      goesOn(this.#run);
    }
  }

  async child(key: string, spec: ChildSpec): Promise<Outcome> {
    const { tree } = this.#run;
    const known = this.#run.children.get(key);
    if (known) spec.onStart?.(known.id);
    if (known?.outcome) return known.outcome;
    checkGiven({ run: this.id, what: "input of child", key }, spec.input);
    if (known && this.#run.stopped) await this.#run.endBelow(known, this.#start);
    await this.#begin(key);
    const { timeoutMs = Number.POSITIVE_INFINITY } = spec;
    const limitMs = tree.engine.options.clock.now() + timeoutMs;
    const deadlineMs = Math.min(this.#run.childDeadlineMs, limitMs);
    const { kind, input, aside = false } = spec;
    const child = known ?? tree.addChild(this.#run, key, { kind, input, deadlineMs }, aside);
    if (!known) spec.onStart?.(child.id);
    this.#start(child);
    try {
      return await this.#performing(key, () => Promise.race([child.ended(), this.#cut()]));
    } finally {
      goesOn(this.#run);
    }
  }

  cancelChild(key: string, reason: string): void {
    const child = this.#run.children.get(key);
    if (!child || child.outcome) return;
    this.#run.tree.append({ type: "cancel", run: child.id, reason });
    child.stop("cancelled", new RuntimeError("CANCELLED", reason));
  }

  async ask(
    key: string,
    to: Address,
    message: Data,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<Data> {
    const stored = this.#stored(key, "");
    if (stored) return stored.result;
    const { tree } = this.#run;
    const chain = [...(tree.row.asker?.chain ?? []), tree.parent, this.#run.address];
    if (chain.includes(to)) {
      const cycle = [...chain.slice(chain.indexOf(to)), to];
      throw new RuntimeError("CYCLE", `An ask would wait for itself: ${cycle.join(" -> ")}.`, {
        cycle,
      });
    }
    checkGiven({ run: this.id, what: "message of", key }, message);
    await this.#begin(key);
    const timeoutMs = options.timeoutMs ?? ASK_TIMEOUT_MS;
    const sent = fingerprint([to, message]);
    this.#run.asking.set(key, to);
    const answer = await this.#waited(key, { timeoutMs, sent }, (untilMs) => {
      const { trace, self: from } = this;
      const ask = { run: from, key, chain };
      tree.post({ to, from, message, deadlineMs: untilMs, ask, trace });
    });
    const { value, error } = answer as {
      value?: Data;
      error?: Parameters<typeof fromErrorData>[0];
    };
    if (error) throw fail(this.#run, key, fromErrorData(error));
    return keep(this.#run, key, value, { isTold: true });
  }

  async send(key: string, to: Address, message: Data): Promise<void> {
    if (this.#stored(key, "")) return;
    checkGiven({ run: this.id, what: "message of", key }, message);
    await this.#begin(key);
    const { tree, address: from } = this.#run;
    tree.post({ to, from, message, deadlineMs: 0, trace: this.trace });
    keep(this.#run, key, null, { sent: fingerprint([to, message]) });
  }

  sendAtEnd(
    key: string,
    to: Address,
    message: Data,
    { unless }: { readonly unless?: string } = {},
  ): void {
    const { farewells, tree, address, outcome } = this.#run;
    if (farewells.has(key) || outcome || tree.isDropped) return;
    checkGiven({ run: this.id, what: "message of", key }, message);
    checkMessage(this.id, message);
    const farewell = { to, message, ...(unless === undefined ? {} : { unless }) };
    farewells.set(key, { ...farewell, from: address });
    tree.append({ type: "at-end", run: this.id, key, ...farewell });
  }

  async sleep(key: string, ms: number, options: WaitOptions = {}): Promise<void> {
    if (this.#stored(key, "")) return;
    await this.#begin(key);
    const untilMs = this.#until(key, ms, { pausing: options.pausing });
    const slept = new Promise<void>((resolve) => this.#after(untilMs, resolve));
    await this.#performing(key, () => Promise.race([slept, this.#cut()]));
    keep(this.#run, key, null);
  }

  async decision(
    key: string,
    options: WaitOptions & { readonly timeoutMs: number },
  ): Promise<Data> {
    const stored = this.#stored(key, "");
    if (stored) return stored.result;
    await this.#begin(key);
    const value = await this.#waited(key, options, () => undefined);
    return keep(this.#run, key, value);
  }

  async steered(key: string): Promise<readonly Data[]> {
    const stored = this.#stored(`steered:${key}`, "");
    if (stored) return stored.result as readonly Data[];
    const { steers, steersTaken } = this.#run;
    const taken = steers.slice(steersTaken);
    if (taken.length === 0) return taken;
    this.#run.steersTaken = steers.length;
    return keep(this.#run, `steered:${key}`, taken) as readonly Data[];
  }

  now(key: string): Promise<number> {
    const { clock } = this.#run.tree.engine.options;
    return this.step(key, () => clock.now(), { repeat: "safe", local: true });
  }

  limitTime(untilMs: number, error: RuntimeError): void {
    if (!this.#run.outcome && !this.#run.tree.isDropped) this.#run.limitTime(untilMs, error);
  }

  flushed(): Promise<void> {
    return this.#working(() => this.#run.tree.reached("flushed"));
  }

  emit(key: string, event: Data): void {
    if (this.#run.emitted.has(key) || this.#run.tree.isDropped) return;
    checkGiven({ run: this.id, what: "event", key }, event);
    // Not the event: nobody asks for it in this life.
    this.#run.emitted.set(key, undefined);
    this.#run.tree.append({ type: "event", run: this.#run.id, key, event });
  }

  emitted(key: string): Data {
    return this.#run.emitted.get(key);
  }

  isStored(key: string): boolean {
    return this.#run.stored.has(key);
  }

  isCopied(key: string): boolean {
    return this.#run.copied.has(key);
  }

  async records(
    owner: Address,
    range: { from?: string; to?: string; limit: number; reverse?: boolean },
  ): Promise<readonly RecordRow[]> {
    const { tenant, root } = addressParts(this.#run.address);
    const of = addressParts(owner);
    if (of.tenant !== tenant || of.root !== root) {
      throw new RuntimeError("FORBIDDEN", "A run reads records under its own root only.");
    }
    const prefix = keys.recordOf(owner);
    const { committer } = this.#run.tree.engine;
    const rows = await this.#working(() =>
      committer.range({
        from: prefix + (range.from ?? ""),
        to: prefix + (range.to ?? "~"),
        limit: range.limit,
        ...(range.reverse ? { reverse: true } : {}),
      }),
    );
    return rows.map((row) => ({ key: row.key.slice(prefix.length), value: decode(row.value) }));
  }

  async row(table: string, id: string): Promise<Data> {
    const { committer } = this.#run.tree.engine;
    const bytes = await this.#working(() => committer.get(keys.table(this.tenant, table, id)));
    return bytes === undefined ? undefined : decode(bytes);
  }

  atEnd(write: (writer: EndWriter) => void): void {
    this.#run.atEnd.push(write);
  }

  /** The stored end of a step: its result, or its error thrown. */
  #stored(key: string, print: string): { readonly result: Data } | undefined {
    const stored = this.#run.stored.get(key);
    if (stored === undefined) return undefined;
    goesOn(this.#run);
    if (stored.print !== print) {
      throw new RuntimeError(
        "STEP_CHANGED",
        `Step "${key}" of ${this.#run.id} is stored with another input.`,
      );
    }
    if (stored.type === "failed") throw fromErrorData(stored.error);
    return stored;
  }

  /** Checks that another step may begin; a frozen run waits here until it is thawed, if ever. */
  async #begin(key: string): Promise<void> {
    const run = this.#run;
    const { rest } = run.tree.engine;
    while (rest.isFrozen(run.tree) && !run.outcome && !run.tree.isDropped) {
      rest.ended();
      await rest.thawed(run.tree);
    }
    run.caughtUp();
    if (run.outcome || run.tree.isDropped) await never;
    if (key.length === 0 || key.length > KEY_CHARS_MAX || key.includes("@")) {
      throw new RuntimeError(
        "INVALID",
        `A step key has 1..${KEY_CHARS_MAX} characters and no "@".`,
      );
    }
    if (run.performing.has(key)) {
      throw new RuntimeError("INVALID", `Step "${key}" of ${run.id} is already being performed.`);
    }
    const { stepsMax } = run.tree.engine.limits;
    run.steps += 1;
    if (run.steps > stepsMax) {
      const text = `A run has at most ${stepsMax} steps.`;
      throw new RuntimeError("STEPS_EXHAUSTED", text, { stepsMax });
    }
  }

  async #performing<T>(key: string, call: () => Promise<T>): Promise<T> {
    this.#run.performing.set(key, this.#run.tree.engine.options.clock.now());
    try {
      return await call();
    } finally {
      this.#run.performing.delete(key);
      this.#run.tree.engine.rest.ended();
    }
  }

  /** While `call` is under way the run does something that is not stored: it cannot hibernate. */
  async #working<T>(call: () => T | Promise<T>): Promise<T> {
    const { tree } = this.#run;
    tree.working += 1;
    try {
      return await call();
    } finally {
      tree.working -= 1;
      if (tree.working === 0) tree.engine.rest.ended();
    }
  }

  /** The absolute end of a wait, stored when it was begun; at most the run's own if it is `inDeadline`. */
  #until(
    key: string,
    ms: number,
    wait: { sent?: string | undefined; inDeadline?: boolean; pausing?: boolean | undefined },
  ): number {
    const begun = this.#run.tries.get(key)?.untilMs;
    if (begun !== undefined) return begun;
    const sinceMs = this.#run.tree.engine.options.clock.now();
    const { sent, inDeadline, pausing } = wait;
    const untilMs = inDeadline ? Math.min(sinceMs + ms, this.#run.deadlineMs) : sinceMs + ms;
    const entry = {
      ...({ type: "try", run: this.#run.id, key, attempt: 1, untilMs } as const),
      ...(sent === undefined ? {} : { sent }),
      ...(pausing ? { sinceMs } : {}),
    };
    this.#run.tries.set(key, entry);
    this.#run.tree.append(entry);
    if (pausing) this.#run.beginPause(key, sinceMs, untilMs);
    return untilMs;
  }

  /** Waits for a value delivered to this key; `begin` is called the first time only. */
  async #waited(
    key: string,
    wait: WaitOptions & { readonly timeoutMs: number; readonly sent?: string },
    begin: (untilMs: number) => void,
  ): Promise<Data> {
    const { timeoutMs, pausing, sent } = wait;
    if (this.#run.decided.has(key)) return this.#run.decided.get(key);
    const isNew = !this.#run.tries.has(key);
    const untilMs = this.#until(key, timeoutMs, { sent, inDeadline: !pausing, pausing });
    let stop = (): void => undefined;
    const came = new Promise<Data>((resolve, reject) => {
      this.#run.waiters.set(key, resolve);
      const timer = this.#after(untilMs, () => {
        const text = `Nothing came for "${key}" within ${timeoutMs} ms.`;
        reject(this.#run.stopped ?? fail(this.#run, key, new RuntimeError("DEADLINE", text)));
      });
      stop = () => timer.cancel();
    });
    // Sent too late it would not be handled, and be a dead letter that nobody made.
    if (isNew && untilMs > this.#run.tree.engine.options.clock.now()) begin(untilMs);
    try {
      return await this.#performing(key, () => Promise.race([came, this.#cut()]));
    } finally {
      // What has come stands: it would be stored as late, and its run kept in memory until then.
      stop();
      this.#run.asking.delete(key);
      this.#run.waiters.delete(key);
    }
  }

  #after(untilMs: number, call: () => void): Timer {
    const { tree } = this.#run;
    return tree.after(Math.max(0, untilMs - tree.engine.options.clock.now()), call);
  }

  /** Rejects when the run is stopped. */
  #cut(): Promise<never> {
    if (this.#cutting !== null) return this.#cutting;
    const { abort } = this.#run;
    // One listener for all waits of the run: each of its own would stay until the run ends.
    this.#cutting = new Promise<never>((_, reject) => {
      if (abort.isAborted) reject(abort.reason);
      else abort.onAbort(() => reject(abort.reason));
    });
    this.#cutting.catch(() => undefined);
    return this.#cutting;
  }
}
