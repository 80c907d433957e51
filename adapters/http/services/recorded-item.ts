// A recorded run as an item of a data set: what it was asked with what was said before, its answer as the
// text that is expected, and who answered as the routing that is.

import {
  type ChatReply,
  type CompletionMessage,
  type MessageRecord,
  messageKey,
  type RoutingInfo,
} from "../../../actors/records/conversation.ts";
import {
  type DatasetMessage,
  datasetLimits,
  type ExpectedOutcome,
} from "../../../actors/records/dataset.ts";
import { ownerOf, sentKey, type TurnInput } from "../../../actors/turn-input.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import type { NewItem } from "./dataset-items.ts";

/** What a client adds to the run. */
export interface RecordedMore {
  readonly expected?: ExpectedOutcome;
  readonly tags?: readonly string[];
}

/**
 * The item of a run.
 * @throws CONFLICT for a run that has not answered, or whose messages are not kept; INVALID for one that
 *   answers no message.
 */
export async function recordedItem(
  system: Pick<System, "records">,
  row: RunRow,
  { expected, tags }: RecordedMore,
): Promise<NewItem> {
  const input = row.input as Partial<TurnInput> | null;
  if (typeof input?.agent !== "string" || !Array.isArray(input.sequences)) {
    throw refused("INVALID", `The run ${row.id} is not one that answers a message.`);
  }
  const reply = row.reply as ChatReply | null;
  if (row.status !== "completed" || reply === null) {
    throw refused(
      "CONFLICT",
      `The run ${row.id} is ${row.status}; only an answer can be expected.`,
    );
  }
  const { messages, data } = await askedIn(system, row, input as TurnInput);
  if (messages.at(-1)?.role !== "user") {
    const why = "are not kept: of a stateless completion, or its conversation was deleted";
    throw refused("CONFLICT", `The messages of the run ${row.id} ${why}.`);
  }
  const { variables } = input;
  return {
    ...(data === undefined ? { messages: [...messages] } : { input: data }),
    ...(variables && { variables }),
    expected: expected ?? { text: reply.response, route: routeOf(reply.routing_info) },
    ...(tags && { tags: [...tags] }),
    run_id: row.id,
  };
}

interface AskedIn {
  readonly messages: readonly DatasetMessage[];
  readonly data?: Record<string, unknown>;
}

async function askedIn(
  system: Pick<System, "records">,
  row: RunRow,
  input: TurnInput,
): Promise<AskedIn> {
  const owner = ownerOf(row.parent, input.owner);
  if (input.owner === "completion") {
    const [sent] = await system.records(owner, { from: sentKey, to: `${sentKey}_`, limit: 1 });
    const { messages = [], data } = (sent?.value ?? {}) as Partial<CompletionMessage>;
    const texts = messages.flatMap(({ role, content }): readonly DatasetMessage[] =>
      role === "tool" || content === "" ? [] : [{ role, content }],
    );
    return {
      messages: texts,
      ...(data && { data: { ...data } }),
    };
  }
  const last = Math.max(...input.sequences);
  const from = Math.max(1, last - datasetLimits.messages + 1);
  const range = { from: messageKey(from), to: messageKey(last + 1), limit: datasetLimits.messages };
  const records = (await system.records(owner, range)).map(({ value }) => value as MessageRecord);
  const messages = records.flatMap(({ role, content }) =>
    content === "" ? [] : [{ role, content }],
  );
  const data = records.at(-1)?.data;
  return { messages, ...(data && { data: { ...data } }) };
}

function routeOf({ parts, action_name, sub_agent_key }: RoutingInfo): string | string[] {
  const several = parts?.filter((part) => part.sub_agent_key !== null) ?? [];
  if (sub_agent_key === null && several.length > 1) {
    return several.slice(0, datasetLimits.routes).map((part) => part.action_name);
  }
  return action_name;
}

function refused(code: "INVALID" | "CONFLICT", message: string): RuntimeError {
  return new RuntimeError(code, message, code === "INVALID" ? { pointer: "/run_id" } : {});
}
