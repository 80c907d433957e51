// Kind `remote-agent`: the run that answers for an agent elsewhere, which a team has as a member or a
// graph asks in a node. It is a tool record of type `remote_agent`, asked on that record's terms, without
// a model of ours in between: what it is asked goes out as it is, and its answer is the answer.

import { defineRun, type RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { showText, unseenBy } from "./answer/child.ts";
import { keptWithin } from "./constraints/limited.ts";
import { guarded } from "./guard/guarded.ts";
import { limits } from "./limits.ts";
import { noUsage } from "./money/spent.ts";
import type { Ports } from "./ports.ts";
import { versionId } from "./records/agent-version.ts";
import type { RoutingInfo } from "./records/conversation.ts";
import type { ResourceRecord, ResourceRow } from "./records/resource.ts";
import type { ToolInput } from "./records/tool.ts";
import { type Meter, metered, payerOf } from "./spend.ts";
import { targetPlace } from "./targets.ts";
import { demandToken, renewing } from "./tools/authorized.ts";
import { confirmed } from "./tools/confirmed.ts";
import { offerTools } from "./tools/offer.ts";
import { takeCall } from "./tools/rate.ts";
import { signedIn } from "./tools/remote-sign-in.ts";
import { giveUp, type RemoteAsk, type RemoteBegun, remoteTask } from "./tools/remote-task.ts";
import type { RemoteConfig, RemoteTask } from "./tools/remote-wire.ts";
import type { Tool } from "./tools/tool.ts";
import type { Task, TurnInput, TurnResult } from "./turn-input.ts";

/** In place of the name of a model: which one it was, only the other side knows. */
const MODEL = "remote_agent";
/** Of its steps. */
const KEY = "remote";
/** Characters of what the other side says that an error repeats. */
const TOLD_CHARS = 500;

type Context = RunContext<Ports>;

/** Kind `remote-agent`. Fails with what it could not be asked for, and when its task ends otherwise than completed. */
export const remoteAgentRun = defineRun<TurnInput, TurnResult, Ports>({
  kind: "remote-agent",
  run: (input, context) =>
    keptWithin(context, input, (within, asked) =>
      metered(within, payerOf(asked), (meter) =>
        guarded(within, asked, meter, (under, given) => answerRemotely(given, under, meter)),
      ),
    ),
});

async function answerRemotely(
  input: TurnInput,
  context: Context,
  meter: Meter,
): Promise<TurnResult> {
  const record = await recordOf(context, input);
  const tool = await termsOf(context, input, meter);
  const text = await agreed(context, tool, textOf(input.task));
  const config = record.config as unknown as RemoteConfig;
  const { timeoutMs = limits.toolMs } = tool;
  const show = input.task?.show !== false;
  const repeat = record.repeat ?? "safe";
  const token = await demandToken(context, tool, KEY);
  const own = { config, text, timeoutMs, repeat, show: show && input.stream };
  const renewed = renewing(context, tool);
  const terms = { ...own, ...(token && { token, renewed }) };
  const asked = await remoteTask(context, KEY, terms, (one) => {
    context.emit("routing", { type: "routing", routing_info: routingOf(record, one) });
  });
  const { begun } = asked;
  const task = await signedIn(context, KEY, { tool, terms }, asked);
  const { data } = task;
  if (task.state !== "COMPLETED") throw await failed(context, terms, { task, begun });
  const said = task.text === "" && data !== undefined ? JSON.stringify(data) : task.text;
  // The step that waited for it has shown it.
  const isShown = terms.show && begun.task.isGoingOn && task.text !== "";
  const answer = show && !isShown ? await showText(context, "text", said) : said;
  return {
    ...{
      text: answer,
      ...unseenBy(input.task ?? {}),
      usage: noUsage,
      model: MODEL,
      builtin: false,
    },
    ...{ finishReason: "stop", data: null, trigger: null },
    routing: routingOf(record, begun),
    ...(data !== undefined && { output: data }),
  };
}

/** @throws NOT_FOUND; INVALID for a record that has become another tool since it was named. */
async function recordOf(
  context: Context,
  { agent, version }: TurnInput,
): Promise<ResourceRecord<ToolInput>> {
  const row = await context.row(targetPlace(agent).versions, versionId(agent, version));
  if (row === undefined) {
    throw new RuntimeError("NOT_FOUND", `Tool ${agent} does not exist any more.`);
  }
  const { record } = row as ResourceRow<ToolInput>;
  if (record.type === "remote_agent") return record;
  const text = `Tool ${agent} is a ${record.type}, and no remote_agent any more.`;
  throw new RuntimeError("INVALID", text);
}

/** The record as a tool that a model would be offered: what bounds its calls is said there. */
async function termsOf(context: Context, input: TurnInput, meter: Meter): Promise<Tool> {
  const { agent, version } = input;
  const [tool] = await offerTools([{ tool: agent }], {
    ...{ context, input, meter, owner: agent, key: KEY, collections: [], names: new Map() },
    versions: { [agent]: version },
  });
  if (tool === undefined) throw new RuntimeError("NOT_FOUND", `Tool ${agent} does not exist.`);
  return tool;
}

/** What it is told in the end. @throws FORBIDDEN, RATE_LIMITED. */
async function agreed(context: Context, tool: Tool, text: string): Promise<string> {
  const asked = { task: text };
  const refusal = tool.refuses?.(asked) ?? null;
  if (refusal !== null) throw new RuntimeError("FORBIDDEN", refusal);
  const answer = await confirmed(context, tool, asked, { key: KEY, show: true });
  if (!answer.approved) throw new RuntimeError("FORBIDDEN", answer.reason);
  if (tool.rate !== undefined) await takeCall(context, tool.rate, `rate:${KEY}`);
  return String(answer.arguments["task"]);
}

/** All that it is told, as one text: many agents read the first part of a message and no more. */
function textOf(task: Task | undefined): string {
  const { instruction = "", transcript = [], text = "" } = task ?? {};
  const said = transcript.map(({ content }) => content);
  return [instruction, ...said, text].filter((part) => part !== "").join("\n\n");
}

function routingOf(
  record: ResourceRecord<ToolInput>,
  { agent, place, task }: RemoteBegun,
): RoutingInfo {
  const { id, name } = record;
  // One that answers with a message has no task.
  const which = task.id === "" ? "" : ` Its task there is ${task.id}.`;
  return {
    ...{ selected_action: "REMOTE_AGENT", action_name: name, intent: "", method: "remote" },
    reason: `"${agent}" at ${new URL(place.url).host} is asked by A2A.${which}`,
    ...{ confidence: 1, threshold: 0, sub_agent_key: null },
    candidates: [{ name, key: id, score: 1 }],
  };
}

/** What an end means that is no answer. A task that waits for more is cancelled: nobody here will reply to it. */
async function failed(
  context: Context,
  as: Pick<RemoteAsk, "config" | "token">,
  { task, begun }: { readonly task: RemoteTask; readonly begun: RemoteBegun },
): Promise<RuntimeError> {
  const said = task.text.slice(0, TOLD_CHARS);
  const state = task.state.toLowerCase();
  const details = { state, task_id: task.id };
  if (state === "input_required" || state === "auth_required") {
    await giveUp(context, as, begun);
    const text =
      state === "input_required"
        ? `The other agent asks for more input (${state}), to which nobody replies here; its task was cancelled.`
        : `The other agent wants to be signed in to (${state}), and nobody has done it in time; its task was cancelled.`;
    return new RuntimeError(
      "PROVIDER_FAILED",
      said === "" ? text : `${text} It says: ${said}`,
      details,
    );
  }
  const why = said === "" ? "" : ` It says: ${said}`;
  return new RuntimeError(
    "PROVIDER_FAILED",
    `The task of the other agent is ${state}.${why}`,
    details,
  );
}
