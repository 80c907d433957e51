// Work of engines that is under way, on main: each piece is begun once, its events wait until they are taken, and it
// is given up when nobody takes them any more. What a run asks for again after its thread has died is found here.

import {
  type EngineWorks,
  taskLimits,
  type WorkBatch,
  type WorkEnd,
  type WorkEvent,
  type WorkTask,
} from "../../actors/engines/works.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import { type Driver, nothingUsed } from "./driver.ts";

/** Limits of what is under way. */
const limits = {
  /** Pieces of work, waiting ones too. */
  works: 1_000,
  /** Events that wait to be taken, and characters of text among them; then the work waits. */
  events: 64,
  chars: 64 * 1_024,
  /** Nobody has asked for more for so long: whoever began it is gone. */
  leaseMs: 60_000,
  /** How long an end that was asked for is waited for. */
  stopMs: 5_000,
} as const;

/** How a piece of work is done. */
export interface PlannedWork {
  /** Of the engine. */
  readonly type: string;
  readonly drive: Driver;
  readonly timeoutMs: number;
  /** Of what only so many pieces are done at once, and how many more may wait. */
  readonly line: { readonly name: string; readonly atOnce: number; readonly waiting: number };
}

/** What they need. */
export interface WorksOptions {
  /** Finds how a task is done. @throws NOT_FOUND, FORBIDDEN, INVALID. */
  plan(task: WorkTask): Promise<PlannedWork>;
  readonly terms: EngineWorks["terms"];
  /** Told how each piece ended, and how long it took, waiting included, ms. */
  readonly ended?: (type: string, error: string | null, ms: number) => void;
  readonly leaseMs?: number;
}

/** The port over drivers; `end` gives up all that is under way. */
export function createWorks(options: WorksOptions): EngineWorks & { end(): Promise<void> } {
  const { plan, terms, ended, leaseMs = limits.leaseMs } = options;
  const works = new Map<string, Work>();
  const operations = new Map<string, Promise<Work>>();
  const lines = new Map<string, Line>();
  const lineOf = (of: PlannedWork["line"]): Line => {
    const found = lines.get(of.name);
    const line = found ?? { atWork: 0, waiting: [] };
    if (found === undefined) lines.set(of.name, line);
    return line;
  };
  const forget = (work: Work): void => {
    works.delete(work.id);
    operations.delete(work.operation);
  };
  const start = async (task: WorkTask): Promise<Work> => {
    if (operations.size > limits.works) throw full(limits.works);
    const planned = await plan(task);
    const line = lineOf(planned.line);
    const { atOnce, waiting } = planned.line;
    if (line.atWork >= atOnce && line.waiting.length >= waiting) throw full(atOnce + waiting);
    const work = new Work(task, leaseMs, forget);
    works.set(work.id, work);
    const begunMs = performance.now();
    const told = ({ error }: WorkEnd): void =>
      ended?.(planned.type, error?.code ?? null, performance.now() - begunMs);
    void work.whenOver().then(told);
    void inLine(line, atOnce, work.signal)
      .then((leave) => work.perform(planned).finally(leave))
      .finally(() => {
        if (line.atWork === 0 && line.waiting.length === 0) lines.delete(planned.line.name);
      })
      .catch((error: unknown) => work.over(endOf(error)));
    return work;
  };
  const workOf = (id: string): Work => {
    const work = works.get(id);
    if (work !== undefined) return work;
    throw new RuntimeError("NOT_FOUND", "This work is not under way any more.");
  };
  return {
    terms,
    begin: async ({ find, ...task }) => {
      const found = operations.get(task.operation);
      if (found !== undefined) return { work: (await found).attach() };
      if (find === true) return null;
      const starting = start(task);
      operations.set(task.operation, starting);
      starting.catch(() => operations.delete(task.operation));
      return { work: (await starting).id };
    },
    next: async ({ work }, signal) => await workOf(work).next(signal),
    say: async ({ work, text }) =>
      text.length <= taskLimits.taskChars && (works.get(work)?.say(text) ?? false),
    stop: async ({ work, reason }) => (await works.get(work)?.stop(reason)) ?? null,
    end: async () => {
      await Promise.all([...works.values()].map((work) => work.stop("The server stops.")));
    },
  };
}

interface Line {
  atWork: number;
  readonly waiting: (() => void)[];
}

/** In the order in which they came. @returns what leaves the line. @throws why it was given up while it waited. */
async function inLine(line: Line, atOnce: number, signal: AbortSignal): Promise<() => void> {
  signal.throwIfAborted();
  if (line.atWork >= atOnce) {
    await new Promise<void>((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const stop = (): void => {
        line.waiting.splice(line.waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      line.waiting.push(go);
    });
  } else {
    line.atWork += 1;
  }
  return () => {
    const next = line.waiting.shift();
    // Its place is taken over: nobody who comes in between gets it.
    if (next === undefined) line.atWork -= 1;
    else next();
  };
}

/** One piece. */
class Work {
  readonly id = newId("wk", Date.now());
  readonly operation: string;
  readonly #task: WorkTask;
  readonly #stop = new AbortController();
  readonly #leaseMs: number;
  readonly #forget: (work: Work) => void;
  #events: WorkEvent[] = [];
  #chars = 0;
  #told = 0;
  #text = "";
  #end: WorkEnd | null = null;
  #taker: (() => void) | null = null;
  #room: (() => void)[] = [];
  #ended: (() => void)[] = [];
  #listener: ((text: string) => boolean) | null = null;
  #lease: NodeJS.Timeout | undefined;

  constructor(task: WorkTask, leaseMs: number, forget: (work: Work) => void) {
    this.#task = task;
    this.operation = task.operation;
    this.#leaseMs = leaseMs;
    this.#forget = forget;
    this.#stop.signal.addEventListener("abort", () => this.#makeRoom());
    this.#renew();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Whoever asks again is told what has been said from its beginning. */
  attach(): string {
    const others = this.#events.filter(({ type }) => type !== "text");
    const said: WorkEvent[] = this.#text === "" ? [] : [{ type: "text", text: this.#text }];
    this.#events = [...said, ...others];
    this.#renew();
    return this.id;
  }

  async perform({ drive, timeoutMs }: PlannedWork): Promise<void> {
    const late = setTimeout(() => {
      const text = `The work took longer than ${timeoutMs} ms.`;
      this.#stop.abort(new RuntimeError("DEADLINE", text));
    }, timeoutMs);
    const { signal } = this.#stop;
    const hooks = {
      signal,
      emit: (event: WorkEvent) => this.#emit(event),
      hear: (listener: (text: string) => boolean) => {
        this.#listener = listener;
      },
    };
    try {
      signal.throwIfAborted();
      const end = await drive(this.#task, hooks);
      const text = this.#text === "" ? end.answer : this.#text;
      this.over({ ...end, text, ...(signal.aborted && { error: toErrorData(signal.reason) }) });
    } catch (error) {
      this.over({ ...endOf(signal.aborted ? signal.reason : error), text: this.#text });
    } finally {
      clearTimeout(late);
    }
  }

  over(end: WorkEnd): void {
    this.#end ??= end;
    this.#listener = null;
    for (const tell of this.#ended.splice(0)) tell();
    this.#makeRoom();
    this.#taker?.();
  }

  async whenOver(): Promise<WorkEnd> {
    await new Promise<void>((resolve) => void this.#ended.push(resolve));
    return this.#end as WorkEnd;
  }

  say(text: string): boolean {
    return this.#listener?.(text) ?? false;
  }

  async next(signal: AbortSignal | undefined): Promise<WorkBatch> {
    clearTimeout(this.#lease);
    try {
      if (this.#events.length === 0 && this.#end === null) await this.#something(signal);
      const events = this.#events;
      this.#events = [];
      this.#chars = 0;
      this.#makeRoom();
      if (this.#end !== null) this.#forget(this);
      return { events, end: this.#end };
    } finally {
      if (this.#end === null) this.#renew();
    }
  }

  async stop(reason: string): Promise<WorkEnd | null> {
    this.#stop.abort(new RuntimeError("CANCELLED", reason));
    if (this.#end === null) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, limits.stopMs);
        this.#ended.push(resolve);
      });
      clearTimeout(timer);
    }
    clearTimeout(this.#lease);
    this.#forget(this);
    return this.#end;
  }

  #renew(): void {
    clearTimeout(this.#lease);
    const gone = (): void => void this.stop("Nobody waits for this work any more.");
    this.#lease = setTimeout(gone, this.#leaseMs).unref();
  }

  #something(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        signal?.removeEventListener("abort", leave);
        this.#taker = null;
        settle();
      };
      const leave = (): void => done(() => reject(signal?.reason));
      this.#taker = () => done(resolve);
      if (signal?.aborted) leave();
      else signal?.addEventListener("abort", leave, { once: true });
    });
  }

  async #emit(event: WorkEvent): Promise<void> {
    if (this.#end !== null) return;
    const bounded = this.#bounded(event);
    if (bounded === null) return;
    this.#put(bounded);
    this.#taker?.();
    while (
      this.#end === null &&
      !this.#stop.signal.aborted &&
      (this.#events.length >= limits.events || this.#chars >= limits.chars)
    ) {
      await new Promise<void>((resolve) => void this.#room.push(resolve));
    }
  }

  #makeRoom(): void {
    for (const go of this.#room.splice(0)) go();
  }

  /** What is left of an event within the limits of the whole work; null: nothing. */
  #bounded(event: WorkEvent): WorkEvent | null {
    if (event.type === "usage") return event;
    if (event.type === "text") {
      const text = event.text.slice(0, taskLimits.textChars - this.#text.length);
      this.#text += text;
      return text === "" ? null : { type: "text", text };
    }
    this.#told += 1;
    if (this.#told < taskLimits.events) return event;
    if (this.#told > taskLimits.events) return null;
    return { type: "notice", text: `What comes after ${taskLimits.events} events is not told.` };
  }

  #put(event: WorkEvent): void {
    const last = this.#events.at(-1);
    if (event.type === "text") this.#chars += event.text.length;
    if (event.type === "text" && last?.type === "text") {
      this.#events[this.#events.length - 1] = { type: "text", text: last.text + event.text };
    } else if (event.type === "usage" && last?.type === "usage") {
      this.#events[this.#events.length - 1] = event;
    } else {
      this.#events.push(event);
    }
  }
}

function endOf(error: unknown): WorkEnd {
  return {
    ...{ error: toErrorData(error), text: "", answer: "" },
    ...{ session: null, usage: nothingUsed },
  };
}

function full(most: number): RuntimeError {
  const text = `${most} pieces of work are under way or wait; one more is refused.`;
  return new RuntimeError("POOL_FULL", text, { retryAfterMs: 1_000 });
}
