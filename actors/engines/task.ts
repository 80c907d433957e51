// A task of an engine, as one step of a run: begun where engines work, followed to its end, stopped when nobody waits
// for it any more. What it used is the run's, however it ended. A run that is taken up again goes on with what is still
// under way; what nobody knows of is decided by the engine's `repeat`.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import { tokensOf } from "../answer/history.ts";
import { addUsage, noUsage } from "../money/spent.ts";
import type { Ports, Usage } from "../ports.ts";
import type { ChatEvent } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import { MAY_HAVE_HAPPENED } from "../tools/unsure.ts";
import { type LostTarget, lostOf, untilBack } from "./await-target.ts";
import type { EngineWorks, WorkEnd, WorkEvent, WorkTask, WorkTerms } from "./works.ts";

/** A step that does not keep its own time is cut so much later, ms: what waits in line does not count as work. */
const SLACK_MS = 60_000;
/** How long the end of what is stopped is waited for, ms. */
const STOP_MS = 5_000;

type Context = RunContext<Ports>;

/** What is asked of an engine. */
export interface EngineAsk
  extends Pick<WorkTask, "engine" | "target" | "text" | "instruction" | "history" | "session"> {
  /** A conversation's, or that of what else it belongs to. */
  readonly place: string;
  readonly terms: WorkTerms;
  /** Whether viewers see its text, as text of the step. */
  readonly show: boolean;
  /** Whether they see its calls and their results. */
  readonly tells: boolean;
  /** Default that of the engine. */
  readonly timeoutMs?: number;
}

/** What came of it. */
export interface EngineDone {
  /** All that was said; where viewers do not see it, the answer alone. */
  readonly text: string;
  /** What it said at last. */
  readonly answer: string;
  readonly session: string | null;
  readonly usage: Usage;
  readonly output?: unknown;
  readonly error?: ErrorData;
}

/** As it is stored: `text` is for viewers, `hidden` is not. */
interface Stored extends Omit<EngineDone, "text"> {
  readonly text?: string;
  readonly hidden?: string;
  /** Its target was lost: nothing came of it. */
  readonly lost?: LostTarget;
}

/** What holds for an engine, as a step. @throws NOT_FOUND, FORBIDDEN. */
export async function engineTerms(
  context: Context,
  key: string,
  of: Pick<WorkTask, "engine" | "target">,
): Promise<WorkTerms> {
  const { tenant } = context;
  const look = (): Promise<WorkTerms> => worksOf(context).terms({ tenant, ...of });
  return await context.step(`${key}:terms`, look, { repeat: "safe" });
}

/**
 * Has a task done. Its own failure is in what it gives, so that what it has cost is known.
 * @throws BUDGET_EXHAUSTED, PRICE_UNKNOWN, TARGET_LOST, CANCELLED, DEADLINE, STEP_UNKNOWN.
 */
export async function engineTask(
  context: Context,
  key: string,
  ask: EngineAsk,
  meter: Meter,
): Promise<EngineDone> {
  let usage = noUsage;
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${key}:work` : `${key}:work~${number}`;
    const { text, hidden, lost, ...rest } = await attempted(context, name, ask, meter);
    usage = addUsage(usage, rest.usage);
    if (lost === undefined) return { ...rest, usage, text: text ?? hidden ?? "" };
    await untilBack(context, name, lost, { repeat: ask.terms.repeat, number });
  }
}

async function attempted(
  context: Context,
  name: string,
  ask: EngineAsk,
  meter: Meter,
): Promise<Stored> {
  const { terms } = ask;
  const { timeoutMs = terms.timeoutMs } = ask;
  const task = taskOf(context, name, { ...ask, timeoutMs });
  const work = (): Promise<Stored> =>
    context.step<Stored>(name, (attempt) => done(context, { name, ask, task, meter }, attempt), {
      repeat: "reconcile",
      timeoutMs: timeoutMs + SLACK_MS,
      input: { engine: ask.engine, target: ask.target ?? null, text: ask.text },
      retry: { times: 0, minMs: 1, maxMs: 1 },
      reconcile: (attempt) => found(context, { name, ask, task, meter }, attempt),
    });
  const stored = await meter.budgets.payWork(name, terms, work);
  meter.settle(name, stored.usage);
  return stored;
}

function taskOf(
  context: Context,
  name: string,
  ask: EngineAsk & { readonly timeoutMs: number },
): WorkTask {
  const { engine, target, text, instruction, history, session, place, timeoutMs } = ask;
  return {
    ...{ tenant: context.tenant, engine, place, text, timeoutMs },
    operation: `${context.id}/${name}`,
    ...(target !== undefined && { target }),
    ...(instruction !== undefined && { instruction }),
    ...(history !== undefined && { history }),
    ...(session !== undefined && { session }),
  };
}

interface Doing {
  readonly name: string;
  readonly ask: EngineAsk;
  readonly task: WorkTask;
  readonly meter: Meter;
}

async function done(context: Context, of: Doing, attempt: Attempt): Promise<Stored> {
  const { name, ask, task, meter } = of;
  meter.reserve(name, tokensOf(ask.text), attempt.number, ask.terms.model);
  let begun: { readonly work: string } | null;
  try {
    begun = await worksOf(context).begin(task, attempt.signal);
  } catch (error) {
    meter.release(name);
    if (!(error instanceof RuntimeError) || error.code !== "TARGET_LOST") throw error;
    return { hidden: "", answer: "", session: null, usage: noUsage, lost: lostOf(error) };
  }
  if (begun === null) throw new RuntimeError("INTERNAL", "Work was not begun.");
  return await follow(context, of, { work: begun.work, attempt });
}

/** What became of work that an earlier life of the run had begun. */
async function found(context: Context, of: Doing, attempt: Attempt): Promise<Stored | undefined> {
  const { name, ask, task, meter } = of;
  const begun = await worksOf(context).begin({ ...task, find: true }, attempt.signal);
  if (begun !== null) {
    meter.reserve(name, tokensOf(ask.text), attempt.number, ask.terms.model);
    return await follow(context, of, { work: begun.work, attempt });
  }
  if (ask.terms.repeat === "safe") return undefined;
  const text = `The server stopped while ${ask.terms.name} was at work. ${MAY_HAVE_HAPPENED}`;
  throw new RuntimeError("STEP_UNKNOWN", text);
}

async function follow(
  context: Context,
  of: Doing,
  { work, attempt }: { readonly work: string; readonly attempt: Attempt },
): Promise<Stored> {
  const works = worksOf(context);
  const { signal } = attempt;
  const tell = teller(context, of, attempt);
  try {
    for (;;) {
      const { events, end } = await works.next({ work }, signal);
      signal.throwIfAborted();
      for (const event of events) tell(event);
      if (end !== null) return storedOf(of.ask, end, attempt);
    }
  } catch (error) {
    if (signal.aborted && !isMoved(signal)) await stopped(works, work, signal);
    throw error;
  }
}

/** Not waited for longer than it takes to be told. */
async function stopped(works: EngineWorks, work: string, { reason }: AbortSignal): Promise<void> {
  const why = reason instanceof RuntimeError ? reason.message : "Nobody waits for it any more.";
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_MS);
  });
  await Promise.race([works.stop({ work, reason: why }).catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Whether the run goes on elsewhere: then its work is found there. */
function isMoved({ reason }: AbortSignal): boolean {
  const code = reason instanceof RuntimeError ? reason.code : "";
  return ["STALE_EPOCH", "SHUTTING_DOWN", "WORKER_LOST"].includes(code);
}

function teller(
  context: Context,
  { name, ask, meter }: Doing,
  attempt: Attempt,
): (event: WorkEvent) => void {
  let count = 0;
  const emit = (event: ChatEvent): void => {
    count += 1;
    // Another attempt tells its own.
    if (ask.tells) context.emit(`engine:${name}:${attempt.number}.${count}`, event);
  };
  return (event) => {
    switch (event.type) {
      case "text":
        meter.wrote(name, event.text);
        if (ask.show) attempt.write(event.text);
        return;
      case "usage":
        meter.reached(name, event.usage);
        return;
      default:
        emit(event);
    }
  };
}

function storedOf(ask: EngineAsk, end: WorkEnd, { write }: Attempt): Stored {
  const { text, error, ...others } = end;
  if (error?.code === "TARGET_LOST") {
    // What was shown of it is taken back.
    const nothing = ask.show ? { text: "" } : { hidden: "" };
    return { ...others, ...nothing, lost: lostOf(error) };
  }
  const rest = { ...others, ...(error && { error }) };
  if (!ask.show) return { ...rest, hidden: end.answer === "" ? text : end.answer };
  // One that says nothing while it works says all of it at its end.
  const whole = text === "" ? end.answer : text;
  if (text === "" && whole !== "") write(whole);
  return { ...rest, text: whole };
}

/** @throws NOT_FOUND where there is no thread that engines work on, as in a replay. */
function worksOf({ ports }: Context): EngineWorks {
  if (ports.works !== undefined) return ports.works;
  throw new RuntimeError("NOT_FOUND", "There are no engines here.");
}
