// An agent that an engine answers for: what it is asked goes to the engine as it is, and the engine's answer is the
// answer, shown as it comes. A conversation goes on by the engine's own session while nobody else has answered in it,
// else by what was said.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import { unseenBy } from "../answer/child.ts";
import { refuseClientParts } from "../answer/client-tools.ts";
import { type Asked, loadHistory, loadPrevious } from "../answer/history.ts";
import type { CompiledAgent } from "../compiled.ts";
import { limits } from "../limits.ts";
import { addUsage } from "../money/spent.ts";
import type { Ports, PromptMessage } from "../ports.ts";
import type { RoutingInfo } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import { takeSteered } from "../steering.ts";
import type { TurnInput, TurnResult } from "../turn-input.ts";
import { type EngineAsk, type EngineDone, engineTask, engineTerms } from "./task.ts";
import type { WorkMessage, WorkTerms } from "./works.ts";

/** Tokens of what was said before that an engine without a session is told. */
const HISTORY_TOKENS = 30_000;
const KEY = "engine";

type Context = RunContext<Ports>;

/** What the turn works with. */
export interface EngineTurnWork {
  readonly compiled: CompiledAgent;
  readonly asked: Asked;
  readonly meter: Meter;
}

/** Answers a turn. Fails with what the engine failed with. */
export async function engineTurn(
  context: Context,
  input: TurnInput,
  { compiled, asked, meter }: EngineTurnWork,
): Promise<TurnResult> {
  const { agent } = compiled;
  refuseClientParts(asked.sent, input.agent);
  const { engine, target } = agent;
  if (engine == null) throw new RuntimeError("INTERNAL", "The agent has no engine.");
  const of = { engine, ...(target != null && { target }) };
  const terms = await engineTerms(context, KEY, of);
  const routing = routingOf(agent.name, engine, terms);
  context.emit("routing:1", { type: "routing", routing_info: routing });
  const show = input.task?.show ?? true;
  const place = { ...of, terms, place: addressParts(context.self).root, tells: show };
  const instruction = instructionOf(compiled, input);
  const said = instruction === "" ? {} : { instruction };
  // Work takes long: whoever looks at the run sees it, also where its caller waits for the end.
  const begun = { ...place, ...said, show };
  const before = await beforeOf(context, input, asked, engine);
  const first = { ...begun, ...before, text: asked.text };
  let result = await answered(context, KEY, first, meter);
  const steered: number[] = [];
  const canSteer = input.owner === "conversation" && input.task === undefined;
  for (let number = 2; canSteer && number <= limits.steerRounds; number += 1) {
    const taken = await takeSteered(context, `steer:${number}`);
    if (taken.text === "") break;
    steered.push(...taken.sequences);
    const { session } = result;
    const goesOn = session === null ? historyWith(before, asked.text, result.text) : { session };
    const next = { ...begun, ...goesOn, text: taken.text };
    const more = await answered(context, `${KEY}:${number}`, next, meter);
    const text = [result.text, more.text].filter((one) => one !== "").join("\n\n");
    result = { ...more, text, usage: addUsage(result.usage, more.usage) };
  }
  const { session, text, usage, output } = result;
  return {
    ...{ text, usage, model: usage.model ?? terms.model, builtin: false, finishReason: "stop" },
    ...unseenBy(asked),
    ...{ data: null, trigger: null, routing },
    ...(output !== undefined && { output }),
    ...(session !== null && { engine: { engine, session } }),
    ...(steered.length > 0 && { steered }),
  };
}

async function answered(
  context: Context,
  key: string,
  ask: EngineAsk,
  meter: Meter,
): Promise<EngineDone> {
  const done = await engineTask(context, key, ask, meter);
  if (done.error !== undefined) throw fromErrorData(done.error);
  return done;
}

type Before = Pick<EngineAsk, "session" | "history">;

/** Where the conversation stands: by the session of the answer before, or by what was said. */
async function beforeOf(
  context: Context,
  input: TurnInput,
  asked: Asked,
  engine: string,
): Promise<Before> {
  if (input.task !== undefined) return historyOf(input.task.transcript ?? []);
  if (asked.sent !== undefined) return historyOf(asked.sent.messages.slice(0, -1));
  const last = await loadPrevious(context, input);
  const history = historyOf(await loadHistory(context, input, HISTORY_TOKENS));
  if (last?.engine?.engine !== engine) return history;
  return { ...history, session: last.engine.session };
}

function historyOf(messages: readonly PromptMessage[]): Before {
  const history = messages.flatMap(({ role, content }): WorkMessage[] =>
    (role === "user" || role === "assistant") && content !== "" ? [{ role, content }] : [],
  );
  return history.length === 0 ? {} : { history };
}

function historyWith({ history = [] }: Before, question: string, answer: string): Before {
  return {
    history: [
      ...history,
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  };
}

/** What the agent is told to be. Its other fields are for models. */
function instructionOf({ agent }: CompiledAgent, input: TurnInput): string {
  return [
    input.systemMessage ?? agent.system_message ?? "",
    agent.context_prompt ?? "",
    input.task?.instruction ?? "",
  ]
    .filter((text) => text !== "")
    .join("\n\n");
}

function routingOf(name: string, engine: string, terms: WorkTerms): RoutingInfo {
  return {
    ...{ selected_action: "ENGINE", action_name: name, intent: "", method: "engine" },
    reason: `The engine "${terms.name}" (${terms.type}) answers for the agent.`,
    ...{ confidence: 1, threshold: 0, sub_agent_key: null },
    candidates: [{ name: terms.name, key: engine, score: 1 }],
  };
}
