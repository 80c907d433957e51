// What the routing run and the graph run share: a sub-agent as a child run, a text that is shown
// without another model call, sources put together.

import type { RunContext } from "../../runtime/actor.ts";
import { fromErrorData } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import type { Source } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import type { Answer, AnswerInput } from "../turn-input.ts";
import type { Asked } from "./history.ts";

/** Runs a `sub-agent` child under `key`. @throws what the child failed with: its parent fails too. */
export async function childAnswer(
  context: RunContext<Ports>,
  key: string,
  input: AnswerInput,
  meter: Meter,
): Promise<Answer> {
  const outcome = await context.child(key, { kind: "sub-agent", input });
  if (outcome.status === "completed") {
    const answer = outcome.result as Answer;
    meter.settle(key, answer.usage);
    return answer;
  }
  throw fromErrorData(outcome.error);
}

/**
 * Shows a text that is known already, as a step of its own, after the events before it are shown.
 * @returns what was shown: guardrails may have left less of it.
 */
export async function showText(
  context: RunContext<Ports>,
  key: string,
  text: string,
): Promise<string> {
  const stored = await context.step(
    key,
    (attempt) => {
      attempt.write(text);
      return { text };
    },
    { repeat: "safe" },
  );
  return stored.text;
}

/** Of those who are told of a message what it says, and are shown no pictures. */
export function unseenBy({ images = [] }: Pick<Asked, "images">): Ground {
  return { sources: [], ...(images.length > 0 && { unseenPictures: images.length }) };
}

/** What an answer rests on. */
type Ground = Pick<
  Answer,
  "sources" | "nothingRelevant" | "degraded" | "memories" | "unseenPictures"
>;

/**
 * What several answers rest on, together: each passage and memory once, in order of first use. Nothing
 * was relevant when one of them needed a passage and none has any.
 */
export function restingOn(
  answers: readonly Ground[],
): Ground & Required<Pick<Ground, "nothingRelevant">> {
  const byChunk = new Map<string, Source>();
  for (const source of answers.flatMap(({ sources }) => sources)) {
    const key = `${source.collection_key}/${source.chunk_id}`;
    if (!byChunk.has(key)) byChunk.set(key, source);
  }
  const memories = answers.flatMap((one) => (one.memories === undefined ? [] : [one.memories]));
  const byId = new Map(memories.flat().map((memory) => [memory.id, memory]));
  const degraded = answers.find((one) => one.degraded !== undefined)?.degraded;
  const unseen = Math.max(0, ...answers.map(({ unseenPictures = 0 }) => unseenPictures));
  return {
    sources: [...byChunk.values()],
    ...(unseen > 0 && { unseenPictures: unseen }),
    ...(degraded && { degraded }),
    ...(memories.length === 0 ? {} : { memories: [...byId.values()] }),
    nothingRelevant: byChunk.size === 0 && answers.some((one) => one.nothingRelevant === true),
  };
}
