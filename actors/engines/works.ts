// Work of engines as runs have it: a port, served where processes and connections are. Work is begun, its events are
// taken one batch after the other, and its end is data: what it used is known also where it failed.

import type { ErrorData } from "../../runtime/errors.ts";
import type { DomainLists } from "../records/constraints.ts";

/** Limits of tasks and of what is told of them. */
export const taskLimits = {
  /** Characters of a task, and of what is said while it is under way. */
  taskChars: 200_000,
  /** Of all text of one piece of work; more is not shown and not kept. */
  textChars: 1_000_000,
  /** Of a call's arguments or result in the transcript. */
  partChars: 8_000,
  /** Calls, results and notices of one piece of work that are told; then one says that there are more. */
  events: 500,
  /** Of a session's name. */
  sessionChars: 200,
  /** Work that names no time of its own, and the most that any may take, ms. */
  timeoutMs: 600_000,
  timeoutMsMax: 6 * 3_600_000,
} as const;

/** What is to be done. */
export interface WorkTask {
  readonly tenant: string;
  /** `en_`. */
  readonly engine: string;
  /** `tg_`; absent: that of the engine. */
  readonly target?: string;
  /** Names this work over crashes and repetitions: begun again while it is under way, it is gone on with. */
  readonly operation: string;
  /** Of a conversation, or of what else it belongs to: its folder and its session are told by it. */
  readonly place: string;
  readonly text: string;
  /** What the work is to keep to, apart from the task. */
  readonly instruction?: string;
  /** What was said before, for those who have no session of it. */
  readonly history?: readonly WorkMessage[];
  /** Where an earlier work of the same engine and place has left off. */
  readonly session?: string;
  readonly timeoutMs?: number;
  /** Lists of hosts that an engine elsewhere has to be among. Default: any. */
  readonly domains?: DomainLists;
}

/** A message of a conversation. */
export interface WorkMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** What models took, as `Usage` of the ports. */
export interface WorkUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly model?: string;
  /** In millionths of the account's unit: where the engine said it, or there is a price. */
  readonly spendMicros?: number;
}

/** What comes while work is done. */
export type WorkEvent =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool_call";
      readonly id: string;
      readonly name: string;
      readonly arguments: unknown;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly name: string;
      readonly result: unknown;
    }
  | { readonly type: "notice"; readonly text: string }
  /** What it has used by now, all of it. */
  | { readonly type: "usage"; readonly usage: WorkUsage };

/** How work ended. */
export interface WorkEnd {
  /** Absent: well. */
  readonly error?: ErrorData;
  /** All that it said. */
  readonly text: string;
  /** What it said at last, where that is less. */
  readonly answer: string;
  readonly session: string | null;
  readonly usage: WorkUsage;
  /** Data beside the text. */
  readonly output?: unknown;
}

/** What holds for the work of an engine. */
export interface WorkTerms {
  /** Of the engine, for people. */
  readonly name: string;
  /** As its record has it. */
  readonly type: string;
  readonly timeoutMs: number;
  /** What work means that may have been done. */
  readonly repeat: "safe" | "never";
  /** What one piece may cost, in millionths of the account's unit; null: nothing limits it. */
  readonly maxMicros: number | null;
  /** As its own records name it; "" where it has no model. */
  readonly model: string;
}

/** What has come since it was last asked. */
export interface WorkBatch {
  readonly events: readonly WorkEvent[];
  readonly end: WorkEnd | null;
}

/** The port. */
export interface EngineWorks {
  /** @throws RuntimeError NOT_FOUND, FORBIDDEN, INVALID. */
  terms(of: Pick<WorkTask, "tenant" | "engine" | "target">): Promise<WorkTerms>;
  /**
   * Begins work, or finds what is under way under the same operation. `find`: null where there is none.
   * @throws RuntimeError NOT_FOUND, FORBIDDEN, INVALID, POOL_FULL, TARGET_LOST.
   */
  begin(
    task: WorkTask & { readonly find?: true },
    signal?: AbortSignal,
  ): Promise<{ readonly work: string } | null>;
  /** Waits until there is something. @throws NOT_FOUND for work that is not there any more. */
  next(of: { readonly work: string }, signal?: AbortSignal): Promise<WorkBatch>;
  /** Says more to work that is under way. @returns whether it is heard. */
  say(of: { readonly work: string; readonly text: string }): Promise<boolean>;
  /** Ends it. @returns how it ended, where that is known within a few seconds. */
  stop(of: { readonly work: string; readonly reason: string }): Promise<WorkEnd | null>;
}
