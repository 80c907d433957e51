// What is being answered, gathered once: what the parts of an answer are built from. Types only.

import type { RunContext } from "../../runtime/actor.ts";
import type { CompiledAgent } from "../compiled.ts";
import type { RunMemory } from "../memory/recall.ts";
import type { Ports } from "../ports.ts";
import type { RecalledMemory } from "../records/memory.ts";
import type { SubAgent } from "../records/sub-agent.ts";
import type { AnswerInput } from "../turn-input.ts";
import type { Asked } from "./history.ts";
import type { Retrieved } from "./sources.ts";

/** One answer in the making. */
export interface Work extends Retrieved {
  readonly context: RunContext<Ports>;
  readonly input: AnswerInput;
  readonly compiled: CompiledAgent;
  readonly subAgent: SubAgent | null;
  readonly asked: Asked;
  readonly question: string;
  readonly model: string;
  readonly isBuiltin: boolean;
  readonly seesImages: boolean;
  readonly usesCollection: boolean;
  /** Null for an agent without memory. */
  readonly memory: RunMemory | null;
  /** Those that the prompt holds. */
  readonly memories: readonly RecalledMemory[];
}
