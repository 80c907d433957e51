// What a replayed run is given instead of its context. Nothing here calls out: a step gives what is
// recorded, at a virtual moment that keeps the recorded order of ends; what is not recorded waits
// for ever, so that only the branch that wants it stops.

import { AsyncLocalStorage } from "node:async_hooks";
import type {
  Attempt,
  ChildSpec,
  Data,
  Outcome,
  RecordRow,
  Repeat,
  RunContext,
  StepOptions,
} from "../actor.ts";
import type { Address } from "../address.ts";
import type { Clock } from "../clock.ts";
import { fromErrorData, toErrorData } from "../errors.ts";
import { fingerprint } from "../runs/journal.ts";
import { childPath, type Placed, type RecordedRun, type Recording } from "./recording.ts";
import type { Answer, Answerer, AskedStep } from "./replay-step.ts";
import type { ReplayTrace } from "./replay-trace.ts";

/** No wait of a replay ends by its own timeout, ms of virtual time. */
const NEVER_MS = 2_000_000_000;
/** How much longer a run that was cut waits for what cut it, ms of virtual time. */
const CUT_SPARE_MS = 1;
const NO_RETRY = { times: 0, minMs: 0, maxMs: 0 } as const;

/** Input of a replayed run: its own, and where it stands in the tree. */
export interface WrappedInput {
  readonly path: string;
  readonly input: Data;
}

/** What a context works with. */
export interface ReplayContextOptions {
  readonly real: RunContext<Data>;
  readonly path: string;
  readonly recording: Recording;
  readonly trace: ReplayTrace;
  readonly clock: Clock;
  /** Real work under way; virtual time stands still for it. */
  readonly working: Set<Promise<unknown>>;
  readonly answer?: Answerer;
  /** Whether the run is to do what is recorded, or what it does with something swapped. */
  readonly compares?: boolean;
}

const performing = new AsyncLocalStorage<AskedStep>();

/** The replayed step whose function is being called now: for ports that watch what it asks. */
export function stepBeingPerformed(): AskedStep | undefined {
  return performing.getStore();
}

const byRecord: Answerer = (step) => ({ type: step.stored === undefined ? "missing" : "stored" });

/** The context of one replayed run. */
export class ReplayContext implements RunContext<Data> {
  readonly #options: ReplayContextOptions;
  readonly #real: RunContext<Data>;
  readonly #recorded: RecordedRun | undefined;

  constructor(options: ReplayContextOptions) {
    this.#options = options;
    this.#real = options.real;
    this.#recorded = options.recording.runs.get(options.path);
  }

  get self(): Address {
    return this.#real.self;
  }
  get id(): string {
    return this.#real.id;
  }
  get tenant(): string {
    return this.#real.tenant;
  }
  get trace(): string | undefined {
    return this.#real.trace;
  }
  get deadlineMs(): number {
    return this.#real.deadlineMs;
  }
  get signal(): AbortSignal {
    return this.#real.signal;
  }
  get ports(): Data {
    return this.#real.ports;
  }

  step<T>(
    key: string,
    call: (attempt: Attempt) => Promise<T> | T,
    options: StepOptions<T> = {},
  ): Promise<T> {
    const isLocal = options.local === true;
    const repeat = options.repeat ?? (isLocal ? "safe" : "never");
    const print = fingerprint(options.input);
    const asked = this.#asked(key, "step", { repeat, isLocal, print });
    this.#options.trace.print(asked, print);
    const perform = async (): Promise<Data> => await call(unseen(this.signal));
    return this.#answered({
      ...asked,
      call: () => performing.run(asked, perform),
    }) as Promise<T>;
  }

  async child(key: string, spec: ChildSpec): Promise<Outcome> {
    const { trace, recording, path } = this.#options;
    const at = childPath(path, key);
    trace.child(path, key, { kind: spec.kind, input: spec.input });
    const input: WrappedInput = { path: at, input: spec.input };
    const end = recording.runs.get(at)?.end;
    const expires = end?.value.status === "expired" ? { timeoutMs: this.#waitMs(end) } : {};
    // What the run says of its child was said of the recorded one.
    const onStart = (run: string): void => spec.onStart?.(recording.runs.get(at)?.id ?? run);
    const outcome = await this.#real.child(key, { ...spec, input, ...expires, onStart });
    trace.end(at, outcome);
    return outcome;
  }

  cancelChild(key: string, reason: string): void {
    const { recording, path } = this.#options;
    const status = recording.runs.get(childPath(path, key))?.end?.value.status;
    // A cancel that comes before a child's end always wins: this one came after it.
    if (status === "completed" || status === "failed") return;
    this.#real.cancelChild(key, reason);
  }

  /**
   * Waits for the recorded moment of this run's end, or until the run is cut: who else ends, or is
   * cancelled, depends on which of two runs ends first.
   */
  async untilEnd(): Promise<void> {
    const end = this.#recorded?.end;
    if (!end) return;
    const { status } = end.value;
    const spareMs = status === "cancelled" || status === "expired" ? CUT_SPARE_MS : 0;
    await new Promise<void>((resolve) => {
      if (this.signal.aborted) resolve();
      this.signal.addEventListener("abort", () => resolve(), { once: true });
      this.#options.clock.after(this.#waitMs(end) + spareMs, resolve);
    });
  }

  ask(key: string, to: Address, message: Data): Promise<Data> {
    const asked = this.#asked(key, "ask");
    // A circle is refused at once and leaves nothing in the record.
    const { parent } = this.#options.recording.record.run;
    if (asked.stored === undefined && (to === this.self || to === parent)) {
      return this.#real.ask(key, to, message);
    }
    this.#options.trace.message(asked, to, message);
    return this.#answered(asked);
  }

  async send(key: string, to: Address, message: Data): Promise<void> {
    const asked = this.#asked(key, "send");
    this.#options.trace.message(asked, to, message);
    await this.#answered(asked);
  }

  /** What a run says when it ends is for actors that a replay does not have. */
  sendAtEnd(): void {}

  async sleep(key: string): Promise<void> {
    await this.#answered(this.#asked(key, "sleep"));
  }

  decision(key: string): Promise<Data> {
    return this.#answered(this.#asked(key, "decision"));
  }

  async steered(key: string): Promise<readonly Data[]> {
    const stored = `steered:${key}`;
    if (!this.#recorded?.steps.has(stored)) return [];
    return (await this.#answered(this.#asked(stored, "step"))) as readonly Data[];
  }

  now(key: string): Promise<number> {
    return this.#answered(this.#asked(key, "now", { isLocal: true })) as Promise<number>;
  }

  /** It ends when the recorded one has. */
  limitTime(): void {}

  /** Ends with what the recorded run ended with, where that passed its deadline or a limit of its own. */
  begin(): void {
    const end = this.#recorded?.end;
    if (end?.value.status !== "expired") return;
    const untilMs = this.#options.clock.now() + this.#waitMs(end);
    this.#real.limitTime(untilMs, fromErrorData(end.value.error));
  }

  emit(key: string, event: Data): void {
    this.#options.trace.event(this.#options.path, key, event);
    this.#real.emit(key, event);
  }

  emitted(key: string): Data {
    return this.#isSame ? this.#recorded?.events.get(key)?.value : undefined;
  }

  isStored(key: string): boolean {
    return this.#isSame && this.#recorded?.steps.has(key) === true;
  }

  isCopied(key: string): boolean {
    const { recording, path } = this.#options;
    const done = this.#recorded?.steps.get(key) ?? recording.runs.get(childPath(path, key))?.end;
    const endAt = this.#recorded?.end?.position ?? Number.POSITIVE_INFINITY;
    // Of a run that was copied as a whole: what was so when it ended.
    const forkedAt = recording.forks.findLast((position) => position < endAt) ?? 0;
    return done != null && done.position < forkedAt;
  }

  records(
    owner: Address,
    range: { from?: string; to?: string; limit: number; reverse?: boolean },
  ): Promise<readonly RecordRow[]> {
    return this.#real.records(owner, range);
  }

  /** It writes nothing. */
  flushed(): Promise<void> {
    return Promise.resolve();
  }

  row(table: string, id: string): Promise<Data> {
    return this.#real.row(table, id);
  }

  /** Rows and counters at the end are the system's books, which a replay does not keep. */
  atEnd(): void {}

  get #isSame(): boolean {
    return this.#options.compares ?? this.#options.answer === undefined;
  }

  #asked(
    key: string,
    what: AskedStep["what"],
    more: { readonly repeat?: Repeat; readonly isLocal?: boolean; readonly print?: string } = {},
  ): AskedStep {
    const { repeat = "never", isLocal = false, print } = more;
    const stored = this.#recorded?.steps.get(key)?.value;
    const isChanged = stored !== undefined && print !== undefined && stored.print !== print;
    const call = (): Promise<Data> => Promise.resolve(this.#options.clock.now());
    return { path: this.#options.path, key, what, repeat, isLocal, stored, isChanged, call };
  }

  /** A step of the real run around the answer: it is cut by a cancel as the recorded one was. */
  #answered(asked: AskedStep): Promise<Data> {
    const options = { repeat: "safe", timeoutMs: NEVER_MS, retry: NO_RETRY } as const;
    return this.#real.step(asked.key, () => this.#give(asked), options);
  }

  async #give(asked: AskedStep): Promise<Data> {
    const { trace, answer = byRecord } = this.#options;
    const { path, key, stored } = asked;
    const given = answer(asked);
    const answered = given instanceof Promise ? await this.#working(given) : given;
    switch (answered.type) {
      case "stored": {
        const placed = this.#recorded?.steps.get(key);
        if (stored === undefined || placed === undefined) break;
        // Within a step that is called time stands still, and what it is told there is its own alone.
        if (performing.getStore() === undefined) await this.#until(placed);
        if (stored.type === "failed") {
          trace.step({ path, key, type: "failed", error: stored.error, source: "record" });
          throw fromErrorData(stored.error);
        }
        trace.step({ path, key, type: "step", result: stored.result, source: "record" });
        return stored.result;
      }
      case "called":
        trace.step({ path, key, type: "step", result: answered.result, source: "called" });
        return answered.result;
      case "failed":
        trace.step({
          ...{ path, key, type: "failed", source: "called" },
          error: toErrorData(answered.error),
        });
        throw answered.error;
      case "would":
        trace.would(path, key, answered.what);
        return await stopped;
      default:
        break;
    }
    trace.missing(asked);
    return await stopped;
  }

  async #working(given: Promise<Answer>): Promise<Answer> {
    const { working } = this.#options;
    const done = given.catch((error: unknown): Answer => ({ type: "failed", error }));
    working.add(done);
    const answer = await done;
    working.delete(done);
    return answer;
  }

  #waitMs(placed: Placed<unknown>): number {
    const { clock, recording } = this.#options;
    return Math.max(0, recording.record.run.startedAt + placed.position + 1 - clock.now());
  }

  #until(placed: Placed<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.after(this.#waitMs(placed), resolve);
    });
  }
}

/** Never settles: a branch that stops waits here. */
const stopped = new Promise<never>(() => undefined);

/** An attempt nobody watches. */
function unseen(signal: AbortSignal): Attempt {
  return { number: 1, signal, write: () => undefined };
}
