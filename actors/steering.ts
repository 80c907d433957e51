// Messages that the user sends while a run answers: steered into it, they are taken between two of its
// steps, and a run of their own only repeats the answer that took them.

import type { RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { showText } from "./answer/child.ts";
import { loadMessage } from "./answer/history.ts";
import { guardOf } from "./guard/guard-of.ts";
import { noUsage } from "./money/spent.ts";
import type { Ports } from "./ports.ts";
import type { Picture } from "./records/picture.ts";
import type { SteerValue, TurnInput, TurnResult } from "./turn-input.ts";

/** What was steered in. */
export interface Steered {
  readonly text: string;
  readonly images: readonly Picture[];
  readonly sequences: readonly number[];
}

/** What was steered into the run by now, under a key of its own for each look; "" for nothing. */
export async function takeSteered(context: RunContext<Ports>, key: string): Promise<Steered> {
  const values = (await context.steered(key)) as readonly SteerValue[];
  if (values.length === 0) return none;
  const messages = await Promise.all(values.map(({ sequence }) => loadMessage(context, sequence)));
  const text = messages.map((message) => message?.content ?? "").join("\n");
  await guardOf(context)?.admit(key, text);
  return {
    text,
    images: messages.flatMap((message) => message?.images ?? []),
    sequences: values.map(({ sequence }) => sequence),
  };
}

const none: Steered = { text: "", images: [], sequences: [] };

/** The result of a steered message: what the run that took it answered. */
export async function repeatAnswer(
  context: RunContext<Ports>,
  from: NonNullable<TurnInput["adopt"]>,
): Promise<TurnResult> {
  const record = await loadMessage(context, from.sequence);
  if (record?.routing_info === undefined) {
    throw new RuntimeError(
      "NOT_FOUND",
      "The answer to this message is gone with its conversation.",
    );
  }
  context.emit("routing:1", { type: "routing", routing_info: record.routing_info });
  await showText(context, "adopt", record.content);
  return {
    text: record.content,
    sources: record.sources ?? [],
    nothingRelevant: record.nothing_relevant ?? false,
    ...(record.degraded && { degraded: record.degraded }),
    usage: noUsage,
    model: from.model,
    builtin: from.builtin,
    finishReason: "stop",
    data: null,
    routing: record.routing_info,
    trigger: null,
  };
}
