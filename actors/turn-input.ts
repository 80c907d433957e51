// What a run that answers is given and gives back. Inputs name messages by sequence instead of
// holding them: history is read from the conversation's records, so that no text is stored twice.

import { type Address, address, addressParts } from "../runtime/address.ts";
import type { Degraded } from "./knowledge/search.ts";
import type { FinishReason, PromptMessage, ToolCall, Usage } from "./ports.ts";
import type { PinnedPrompts } from "./prompts/prompt.ts";
import type { LimitScope } from "./records/constraints.ts";
import type { DataCollection, RoutingInfo, Source } from "./records/conversation.ts";
import type { Finding, GuardInput } from "./records/guardrail.ts";
import type { RecalledMemory } from "./records/memory.ts";
import type { Picture } from "./records/picture.ts";
import type { SkillPins } from "./skills/pins.ts";
import type { Handoff } from "./tools/tool.ts";

/** Where the messages of a run are, and what answers them at which version. */
export interface TurnReference extends GuardInput {
  /** Kind of the root actor whose records hold the messages. */
  readonly owner: "conversation" | "completion";
  /** Id of what answers: an agent, a team or a workflow (targets.ts). */
  readonly agent: string;
  readonly version: number;
  /** Sequences of the user messages to answer, ascending; [] for a completion. */
  readonly sequences: readonly number[];
  /** Those that were steered in since; their pictures are shown with the message to answer. */
  readonly steered?: readonly number[];
  /** Whether text is shown as it comes. */
  readonly stream: boolean;
  /** What earlier turns collected for `required_parameters`. */
  readonly collected?: Readonly<Record<string, unknown>>;
  /** Who speaks. */
  readonly user?: string;
  /** API key that asked, for its budgets. */
  readonly keyId?: string;
  /** Limits of the runs above. */
  readonly limits?: readonly LimitScope[];
  /** What it may spend, with all runs below it. */
  readonly maxSpendMicros?: number;
  /** Values of the variables of the agent's prompt. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Versions of the agent's prompts, as they were when the run was accepted. */
  readonly prompts?: PinnedPrompts;
  /** Versions of the agent's skills, for those that answer in it. */
  readonly skills?: SkillPins;
  /** What the agent's prompt says in this run; it takes the place of its `system_message`. */
  readonly systemMessage?: string;
}

/** What a run asks of another one of its own tree, in place of the user's message. */
export interface Task {
  readonly text: string;
  /** Those of the user's message: who does it sees them. */
  readonly images?: readonly Picture[];
  /** What has been said before `text` in this work, e.g. by other members of a team. */
  readonly transcript?: readonly PromptMessage[];
  /** Typed input of a workflow; `text` is then its JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Whether viewers see the text as a part of the answer. */
  readonly show: boolean;
  /** More to say to the model. */
  readonly instruction?: string;
  /** What the user said before, for routing and retrieval. */
  readonly previous?: string;
  /** What the user said is meant for it too: an agent with memory takes it in. */
  readonly isTalk?: true;
  /** Set for a member of a team: where the team is, and what it may spend. */
  readonly within?: Within;
  /** Set where the task is a turn that was handed over. */
  readonly handovers?: Handovers;
  /**
   * Of a turn of a completion that was handed over: it is answered as it was sent, with all messages, the
   * tools of its caller and the form that was asked for.
   */
  readonly asSent?: true;
}

/** How often a turn may be handed over yet, and from whom to whom it was. */
export interface Handovers {
  readonly left: number;
  readonly made: readonly { readonly from: string; readonly to: string }[];
}

/** The teams above a run, and what they leave to it. */
export interface Within {
  /** Ids of the teams above, outermost first. */
  readonly teams: readonly string[];
  /** Turns of members that it may take, those of teams below it included. */
  readonly turns: number;
  /** Tokens that it may spend; null: no limit. */
  readonly tokens: number | null;
}

/** Input of a run that answers a message (kinds `supervisor`, `workflow`, `team` and `flow`). */
export interface TurnInput extends TurnReference {
  /** Set for a run within another one; absent: the user's messages are answered. */
  readonly task?: Task;
  /** A steered message that another run has answered: nothing is done but to repeat its answer. */
  readonly adopt?: { readonly sequence: number; readonly model: string; readonly builtin: boolean };
}

/** Input of an answering child run (kind `sub-agent`). */
export interface AnswerInput extends TurnReference {
  /** `sa_` key, null for the supervisor itself. */
  readonly subAgent: string | null;
  /** The part of the message to answer; absent: the whole message with its history. */
  readonly text?: string;
  /** Rounds of this run before this one: what was steered in and answered. */
  readonly extra?: readonly PromptMessage[];
  /** False: the text is for another step, viewers do not see it. */
  readonly show: boolean;
  /** More to say to the model, e.g. that a person takes over. */
  readonly instruction?: string;
  /** Default: it may not be handed over. */
  readonly handovers?: Handovers;
  /** Whether the model is offered the tools of the caller: it writes what the user reads. */
  readonly clientTools?: true;
}

/** What one answering agent gives. */
export interface Answer {
  readonly text: string;
  readonly sources: readonly Source[];
  /** It should have rested on collections, and they hold nothing on the question. */
  readonly nothingRelevant?: boolean;
  /** Of the collections the words of the question alone were looked for. */
  readonly degraded?: Degraded;
  /** Absent for an agent without memory. */
  readonly memories?: readonly RecalledMemory[];
  /** Pictures of the message that it was written without. */
  readonly unseenPictures?: number;
  readonly usage: Usage;
  readonly model: string;
  readonly builtin: boolean;
  readonly finishReason: FinishReason;
  /** Which of the caller's stop sequences ended it, where that is known. */
  readonly stopSequence?: string;
  readonly data: DataCollection | null;
  /** Parsed answer when a schema was enforced. */
  readonly output?: unknown;
  /** Who is to answer the rest; `text` is what was said before. */
  readonly handoff?: Handoff;
  /** Calls of the caller's tools, and what of the own ones was called beside them and not performed. */
  readonly toolCalls?: readonly ToolCall[];
  readonly unperformedCalls?: readonly ToolCall[];
  /** With calls of the caller: the calls of own tools before them, and their results. */
  readonly ownRounds?: readonly PromptMessage[];
  /** What guardrails have found in the run, its children's too. */
  readonly guardrails?: readonly Finding[];
}

/** Where the work of an engine that answered can be gone on with. */
export interface EngineSession {
  /** `en_`. */
  readonly engine: string;
  readonly session: string;
}

/** Result of a root run: everything a chat reply needs that the conversation does not know. */
export interface TurnResult extends Answer {
  readonly routing: RoutingInfo;
  readonly trigger: { readonly name: string; readonly payload?: unknown } | null;
  readonly escalatedTo?: string;
  /** Of an answer of an engine that keeps a session. */
  readonly engine?: EngineSession;
  /** Sequences of steered messages this run has answered too. */
  readonly steered?: readonly number[];
  /** Those with a memory, who take in what was said after the turn. */
  readonly remembering?: readonly Remembering[];
}

/** An agent that takes in what was said. */
export interface Remembering extends Pick<TurnReference, "agent" | "version"> {
  /** Ids of the memories that it was given. */
  readonly recalled: readonly string[];
}

/** Key of the record that holds a completion as sent. */
export const sentKey = "sent";

/** Value of a steering message. */
export interface SteerValue {
  readonly sequence: number;
}

/** The actor whose records hold the messages of a run. */
export function ownerOf(self: Address, owner: TurnReference["owner"]): Address {
  const { tenant, root } = addressParts(self);
  return address({ kind: owner, tenant, root });
}
