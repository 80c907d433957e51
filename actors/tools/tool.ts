// A tool as the model loop has it: what the model is told of it, what bounds its calls, and what does
// the work. Types only.

import type { Repeat } from "../../runtime/actor.ts";
import type { RenewedToken, TokenRef, UsedToken } from "../credentials/use.ts";
import type { ToolSpec, Usage } from "../ports.ts";
import type { Quorum } from "../records/approval.ts";
import type { Source } from "../records/conversation.ts";

/** Arguments of a call, as an object that fits the tool's parameters. */
export type Arguments = Readonly<Record<string, unknown>>;

/** A call as its tool gets it. */
export interface ToolUse {
  readonly arguments: Arguments;
  /** Names this call over crashes and repetitions. */
  readonly operation: string;
  readonly signal: AbortSignal;
  /** Of a tool with `auth`. */
  readonly token?: UsedToken;
}

/** At most so many calls in any stretch of time of so many seconds, counted under one name a tenant. */
export interface ToolRate {
  readonly name: string;
  readonly calls: number;
  readonly perSeconds: number;
}

/** Which calls a person decides about. */
export interface ToolConfirmation {
  /** Who calls: `ag_` or `sa_`. */
  readonly agent: string;
  /** CEL over `args`; default: all. */
  readonly when?: string;
  /** CEL over `args`: those that are approved without asking anybody. */
  readonly approveWhen?: string;
  /** Who has to agree; default: anybody who may decide, once. */
  readonly quorum?: Quorum;
}

/** What every tool has. */
interface ToolBase {
  readonly spec: ToolSpec;
  /** Default `limits.toolMs`. */
  readonly timeoutMs?: number;
  /** Characters of a result that the model is shown. Default `limits.toolResultChars`. */
  readonly resultChars?: number;
  /** Calls of tools so marked follow each other within a round; others run side by side. */
  readonly isSerial?: boolean;
  readonly rate?: ToolRate;
  /** What it gives is meant to be followed: the model is not told that it is data. Default false. */
  readonly isGuidance?: boolean;
  readonly confirmation?: ToolConfirmation;
  /** It can do nothing here: no model is told of it. */
  readonly isHidden?: true;
  /** It is the memory: the answer's own tools of it are left out. */
  readonly isMemory?: true;
  /** Scripts of skills are run by it. */
  readonly runsSkills?: true;
  /** The token that its requests have. */
  readonly auth?: TokenRef;
  /** Why a call with these arguments is not permitted, or null. */
  refuses?(given: Arguments): string | null;
  /** What an answer rests on that used this result. */
  sourcesOf?(result: unknown): readonly Source[];
}

/** A tool whose call is one step. */
export interface StepTool extends ToolBase {
  /** What a call that was under way when the process died means; it may depend on the arguments. */
  readonly repeat: Repeat | ((given: Arguments) => Repeat);
  /** Plain data for the model. @throws RuntimeError: the model is told code and message. */
  perform(use: ToolUse): Promise<unknown>;
  /** Of `reconcile`: what became of a call that was cut; undefined: it did not happen. */
  reconcile?(use: ToolUse): Promise<unknown>;
}

/** A tool whose call is made of steps of the run itself, e.g. a child run. */
export interface RunTool extends ToolBase {
  /** @param key prefix of the keys of its steps. @throws RuntimeError: the model is told. */
  within(use: {
    readonly arguments: Arguments;
    readonly key: string;
    /** Whether viewers are told of what it does. */
    readonly show?: boolean;
    readonly token?: UsedToken;
    readonly renewed?: RenewedToken;
  }): Promise<{
    readonly result: unknown;
    /** What models used for it. */
    readonly usage: Usage;
    /** What it rests on; `[n]` in a text of `result.answer` names the n-th of them. */
    readonly sources?: readonly Source[];
  }>;
}

/** Who is to answer instead. */
export interface HandoffTarget {
  /** Who hands over: `ag_` or `sa_`. */
  readonly by: string;
  /** `sa_` of the same agent, or `ag_`. */
  readonly to: string;
  readonly name: string;
}

/** A turn that is handed over. */
export interface Handoff extends HandoffTarget {
  /** The model's own words, or "". */
  readonly reason: string;
}

/** A tool that ends the answer: the rest of the turn is its target's. */
export interface HandoffTool extends ToolBase {
  readonly target: HandoffTarget;
}

/** A tool that a model may call. */
export type Tool = StepTool | RunTool | HandoffTool;
