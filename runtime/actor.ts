// What a user of the runtime writes. The whole contract:
//
//   actor  defineActor({ kind, version, initial, receive, ... })
//          One message at a time, in a short synchronous turn. `receive(state, message, turn)`
//          returns the next state; state and message are immutable. What the turn asked for through
//          `turn` (rows, sends, runs, reminders, counters, the reply) commits in ONE transaction with
//          the new state and the removal of the message. A throw leaves nothing of the turn: it is
//          retried 5 times with backoff, then the message becomes a dead letter, whoever waits gets
//          an error, and the next message goes on.
//   run    defineRun({ kind, run })
//          One async function for work that waits. `run(input, context)` may be called again after a
//          crash: everything it does outside must be a step, stored steps return their result.
//          It ends once: completed, failed, cancelled, expired or exhausted, told to its parent as
//          the message { type: "run-ended" }.
//
// When not to use an actor: to organise code. Be an actor only with state of your own, a life of
// your own, and an order of messages that matters. Else it is a function.

import type { Address } from "./address.ts";
import type { ErrorData, RuntimeError } from "./errors.ts";

/**
 * Data that may cross threads and be stored: null, undefined, booleans, numbers, strings, arrays,
 * plain objects, Uint8Array and Date.
 */
export type Data = unknown;

/** What a turn wants loaded before its handler is called. */
export type ReadRequest =
  /** Records of this actor from key `from` (inclusive) to `to` (exclusive). */
  | {
      readonly type: "records";
      readonly from?: string;
      readonly to?: string;
      /** 1..1,000. */
      readonly limit: number;
      readonly reverse?: boolean;
    }
  /** One row of a table of this actor's tenant. */
  | { readonly type: "row"; readonly table: string; readonly id: string }
  /** A counter of this actor's tenant. */
  | { readonly type: "counter"; readonly name: string };

/** An actor's own record as read. */
export interface RecordRow {
  readonly key: string;
  readonly value: Data;
}

/** Results of `reads`, by the name given there: RecordRow[], a row's value or undefined, a number. */
export type Loaded = Readonly<Record<string, Data>>;

/** A run to start with the turn's commit. */
export interface RunSpec {
  /** Kind of a defined run. */
  readonly kind: string;
  /** Given, or made by the runtime with prefix `rn`. Must be new. */
  readonly id?: string;
  readonly input: Data;
  /** Latest end, milliseconds from its start; then the run ends `expired`. Default 600,000. */
  readonly timeoutMs?: number;
  /**
   * Hold: the run's row exists and can be followed, but it starts only with `releaseRun`. Its time
   * begins then: what it waits for may be what takes days.
   */
  readonly held?: boolean;
  /** Begins with what another run has done, instead of with nothing. */
  readonly fork?: Fork;
}

/**
 * The first `entries` entries of the log of `run`, a root run of the same actor and kind: steps that
 * are stored there give their results again, and events are shown again. What came after is done anew,
 * as after a crash: a step that was begun there and has no end is decided by its `repeat`.
 * A log that is gone, or shorter, ends the new run `failed` (EVENTS_TRIMMED).
 */
export interface Fork {
  readonly run: string;
  readonly entries: number;
}

/** What a handler can do in a turn. Nothing here waits, and nothing happens unless the turn commits. */
export interface Turn {
  readonly self: Address;
  /** Milliseconds since the epoch, the same for the whole turn. */
  readonly nowMs: number;
  /** Sender: an actor, a run, or null for the door. */
  readonly from: Address | null;
  /** Absolute deadline of the message in ms, or 0 for none. */
  readonly deadlineMs: number;
  readonly loaded: Loaded;
  /** A new sortable id, e.g. newId("ms"). */
  newId(prefix: string): string;
  /** Puts a record of this actor under `key` (1..64 characters of A-Z a-z 0-9 _ . -). */
  put(key: string, value: Data): void;
  remove(key: string): void;
  /** Puts a row into a table of this tenant. `value` undefined removes it. */
  putRow(table: string, id: string, value: Data): void;
  /** Adds to a counter of this tenant; if the sum fell below `min` the turn is undone and `otherwise` is the reply. */
  add(
    counter: string,
    delta: number,
    floor?: { readonly min: number; readonly otherwise: ErrorData },
  ): void;
  /** Durable message: a row in the receiver's inbox, first in first out for each pair. */
  send(to: Address, message: Data, options?: { readonly deadlineMs?: number }): void;
  /** Message in memory, at most once: previews and hints. */
  tell(to: Address, message: Data): void;
  /** Starts a child run; returns its id. */
  startRun(spec: RunSpec): string;
  /** Starts a held run, with another input if given. */
  releaseRun(id: string, input?: Data): void;
  /** Durable control messages to a run of this actor. */
  cancelRun(id: string, reason: string): void;
  /** A held run takes no steering: only `releaseRun` and `cancelRun` reach it. */
  steerRun(id: string, value: Data): void;
  /**
   * Decides what a run under this actor's root, or a child of one, waits for with `decision(key)`: the
   * run has it when this turn is committed. The first decision counts; what comes for a run that is
   * held or has ended is dropped.
   */
  decideRun(id: string, key: string, value: Data): void;
  /**
   * Durable timer: `message` comes to this actor at `atMs`, after a restart too; a name replaces its
   * earlier one. Replaced or forgotten before its turn, it does not come, though its time may have.
   */
  remind(name: string, atMs: number, message: Data): void;
  forget(name: string): void;
  /**
   * Answers the asker, after the commit has reached the asked level. `follow` names the run whose
   * frames a streaming asker gets next. In a "run-ended" turn the reply goes into the run's end
   * frame and its row.
   */
  reply(value: Data, options?: { readonly follow?: string }): void;
  /** Answers the asker with an error; the rest of the turn still commits. */
  refuse(error: ErrorData): void;
  /**
   * Tells the program's host, with the turn's commit, that something has happened, for its figures. About: what
   * is done again after a commit was refused is told twice, and a crash may take it.
   */
  note(name: string, value: number): void;
}

/** How a run ended. */
export type Outcome =
  | { readonly status: "completed"; readonly result: Data }
  | {
      readonly status: "failed" | "cancelled" | "expired" | "exhausted";
      readonly error: ErrorData;
      /** Text shown so far, that of a step that was cut too, if any. */
      readonly shown?: string;
    };

/** Message to an actor whose run has ended. It commits together with the run's end. */
export interface RunEnded {
  readonly type: "run-ended";
  readonly run: string;
  readonly kind: string;
  readonly outcome: Outcome;
}

/** What happens to an actor's memory when a turn of it throws. Messages are decided by retries alone. */
export type Strategy = "resume" | "restart" | "stop" | "escalate";

/** Behaviour of one kind of actor. */
export interface ActorDefinition<State = Data, Message = Data> {
  readonly type: "actor";
  readonly kind: string;
  /** Version of the state's shape. */
  readonly version: number;
  initial(self: Address): State;
  /** From an older version's state; never called with a newer one (that is refused, untouched). */
  migrate?(state: Data, fromVersion: number): State;
  /** Rows to load before `receive`. Pure. */
  reads?(message: Message, state: State): Readonly<Record<string, ReadRequest>>;
  receive(state: State, message: Message, turn: Turn): State;
  /** Messages waiting in memory and on disk, default 1,024; one more is refused at the door (MAILBOX_FULL). */
  readonly mailboxMax?: number;
  /** Default "restart": reload the last committed state. */
  readonly strategy?: Strategy;
  /** Hibernates after this long without a message, default 30,000. */
  readonly idleMs?: number;
}

/** Repetition of a step whose result was not stored before a crash. */
export type Repeat = "safe" | "reconcile" | "never";

/**
 * Attempts of a step within one life of its run are numbered from here on: above it, the run was
 * taken up again after a crash or a move, and a call that was in flight then may have happened.
 */
export const ATTEMPTS_A_LIFE = 1_000;

/** One call of a step's function. */
export interface Attempt {
  /** Grows with every call of this step, over crashes too. */
  readonly number: number;
  /** Aborts at the step's timeout, the run's deadline or its cancel. */
  readonly signal: AbortSignal;
  /**
   * Shows text to viewers at once and stores none of it. The step's result must then be an object
   * whose `text` is the truth (`{ text: string }`); a longer or other text is corrected at the end.
   */
  write(text: string): void;
}

/** How a step behaves. */
export interface StepOptions<T> {
  /** Default "never": the function may have effects that must not happen twice. */
  readonly repeat?: Repeat;
  /** Aborted after this long, default 120,000; at most the run's own deadline. */
  readonly timeoutMs?: number;
  /** Fingerprinted: a stored key with another input ends the run with STEP_CHANGED. */
  readonly input?: Data;
  /** Reconcile: asks the other side what became of attempt `number`; undefined = it did not happen. */
  reconcile?(attempt: Attempt): Promise<T | undefined>;
  /** Retryable operating errors are retried inside the step. Default { times: 2, minMs: 500, maxMs: 10,000 }. */
  readonly retry?: { readonly times: number; readonly minMs: number; readonly maxMs: number };
  /**
   * What must have reached the disk before the function is called. Default: "memory" for pure
   * computing (`local: true`), "committed" for safe, "flushed" for reconcile and never.
   */
  readonly local?: boolean;
}

/** A child run to start. */
export interface ChildSpec {
  readonly kind: string;
  readonly input: Data;
  /** At most the time its parent has left, which is the default. */
  readonly timeoutMs?: number;
  /** What it shows is no part of the answer: `isAside` of its id and of those below it. Default false. */
  readonly aside?: boolean;
  /** Given its id before it is called, in every life of its parent. */
  onStart?(run: string): void;
}

/** How a run waits. */
export interface WaitOptions {
  /**
   * Its time stands still: the deadline of the run, and of those above it, moves on by as long as it has
   * waited, however long that was. What runs beside it keeps its own. Default false.
   */
  readonly pausing?: boolean;
}

/** What a run can do. Calls on one context may be concurrent (Promise.all). */
export interface RunContext<Ports = Data> {
  readonly self: Address;
  /** Run id; children have their parent's id, a dot and a number, and an `a` when they speak aside. */
  readonly id: string;
  readonly tenant: string;
  /** W3C traceparent of what started its root run; absent: it begins a trace. */
  readonly trace?: string | undefined;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly ports: Ports;
  /**
   * Calls `perform` unless a result for `key` is stored, and stores the result before a later effect
   * starts or with the run's end. `key` comes from data ("model:1", "tool:call_x"), never from position.
   * @throws RuntimeError STEP_CHANGED, STEP_UNKNOWN (a `never` step that may have happened), DEADLINE,
   *   CANCELLED, STEPS_EXHAUSTED (more than 1,000 steps), or what `perform` threw (stored too).
   */
  step<T>(
    key: string,
    perform: (attempt: Attempt) => Promise<T> | T,
    options?: StepOptions<T>,
  ): Promise<T>;
  /** A child run, as a step. Its failure is returned, not thrown. Depth at most 8, children at most 100. */
  child(key: string, spec: ChildSpec): Promise<Outcome>;
  /** Cancels a child started by `child` under that key; it ends `cancelled`. */
  cancelChild(key: string, reason: string): void;
  /**
   * Durable request to an actor, as a step. @throws the refusal, DEADLINE, or CYCLE when it is asked of
   * one that waits for this run: the actor that started it counts as one.
   */
  ask(
    key: string,
    to: Address,
    message: Data,
    options?: { readonly timeoutMs?: number },
  ): Promise<Data>;
  /** Durable message, once, as a step. */
  send(key: string, to: Address, message: Data): Promise<void>;
  /**
   * Durable message, once, when this run ends: in the transaction of its end, however it ends, also when
   * its function is not called again. None is sent if the step `unless` has a stored result by then.
   */
  sendAtEnd(key: string, to: Address, message: Data, options?: { readonly unless?: string }): void;
  /** Durable wait, as a step: survives restarts and hibernates with the run. */
  sleep(key: string, ms: number, options?: WaitOptions): Promise<void>;
  /**
   * Waits for `system.decide(run, key, value)` or a turn's `decideRun`, as a step. @throws DEADLINE
   * after `timeoutMs`.
   */
  decision(key: string, options: WaitOptions & { readonly timeoutMs: number }): Promise<Data>;
  /** Steering messages taken at this point, oldest first, as a step; [] when none is waiting. */
  steered(key: string): Promise<readonly Data[]>;
  /** The current time, as a step. */
  now(key: string): Promise<number>;
  /**
   * The run ends no later than `untilMs`, as `expired` with this error; waits in which its time stands still
   * move that on. Said in each of its lives; what is later than its deadline says nothing.
   */
  limitTime(untilMs: number, error: RuntimeError): void;
  /**
   * Resolves when all that this run has done so far, what it asked for and what was answered, survives the
   * loss of power.
   */
  flushed(): Promise<void>;
  /** Durable event for viewers: commits with the steps so far and is shown after. Replays emit nothing twice. */
  emit(key: string, event: Data): void;
  /**
   * The event that an earlier life of this run, or the recorded one of a replay, emitted under `key`: what
   * was decided then stands, whatever the code would decide today. Undefined in the run's first life.
   */
  emitted(key: string): Data;
  /** Whether a step's end is stored under `key`. */
  isStored(key: string): boolean;
  /**
   * Whether the step or child run under `key` ended in the run that this one was forked from: what it
   * cost was paid there.
   */
  isCopied(key: string): boolean;
  /** Records of any actor under the same root. Read what is immutable, or inside a step. */
  records(
    owner: Address,
    range: { from?: string; to?: string; limit: number; reverse?: boolean },
  ): Promise<readonly RecordRow[]>;
  /** Row of a table of this tenant. Read what is immutable (a pinned version), or inside a step. */
  row(table: string, id: string): Promise<Data>;
  /**
   * Rows and counters that commit with the run's end, in the same transaction. A run that was cancelled
   * while it hibernated, or before a crash, is called once more for it: what is stored is given again,
   * the first thing that is new throws the cancel.
   */
  atEnd(write: (turn: Pick<Turn, "putRow" | "add" | "newId" | "nowMs">) => void): void;
}

/** Behaviour of one kind of run. */
export interface RunDefinition<Input = Data, Result = Data, Ports = Data> {
  readonly type: "run";
  readonly kind: string;
  run(input: Input, context: RunContext<Ports>): Promise<Result>;
}

/** Anything the runtime can host, by kind. Every worker is given the same catalog. */
export type Definition = ActorDefinition | RunDefinition;

/** Types an actor's behaviour; returns it unchanged. */
export function defineActor<State, Message>(
  definition: Omit<ActorDefinition<State, Message>, "type">,
): ActorDefinition<State, Message> {
  return { type: "actor", ...definition };
}

/** Types a run's behaviour; returns it unchanged. */
export function defineRun<Input, Result, Ports>(
  definition: Omit<RunDefinition<Input, Result, Ports>, "type">,
): RunDefinition<Input, Result, Ports> {
  return { type: "run", ...definition };
}
