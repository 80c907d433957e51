// The run of a workflow: its graph is walked on the input, and what it gives is the answer to whoever
// started it. Called by the runtime; started by a conversation or as a part of another run.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import { restingOn, showText, unseenBy } from "../answer/child.ts";
import { loadAsked } from "../answer/history.ts";
import { keptWithin } from "../constraints/limited.ts";
import { guarded } from "../guard/guarded.ts";
import type { Ports } from "../ports.ts";
import { type Meter, metered, payerOf } from "../spend.ts";
import type { TurnInput, TurnResult } from "../turn-input.ts";
import { announce } from "./announce.ts";
import { textOf } from "./answering.ts";
import { type CompiledFlow, loadFlow } from "./compile-flow.ts";
import type { FlowFork } from "./fork.ts";
import { nodes } from "./nodes.ts";
import { lineOf, type Walk, walkFrom, walkOf } from "./walk.ts";

/** Input of a run of kind `flow`. */
export interface FlowInput extends TurnInput {
  /** Set in a run that goes on from a point of another one, with whose log its own begins. */
  readonly fork?: FlowFork;
}

/** Kind `flow`. */
export const flowRun = defineRun<FlowInput, TurnResult, Ports>({
  kind: "flow",
  run: (input, context) =>
    keptWithin(context, input, (within, asked) =>
      metered(within, payerOf(asked), (meter) =>
        guarded(within, asked, meter, (under, given) => runFlow(under, given, meter)),
      ),
    ),
});

async function runFlow(
  context: RunContext<Ports>,
  input: FlowInput,
  meter: Meter,
): Promise<TurnResult> {
  const flow = await loadFlow(context, input);
  const asked = input.task ?? (await loadAsked(context, input));
  const data = asked.data ?? {};
  flow.checkInput(data);
  const { graph, name } = flow;
  const { fork } = input;
  const walk = walkOf({
    ...{ context, input, asked, graph, meter, nodes, name },
    compiled: null,
    stepsMax: flow.stepsMax,
    ...(fork && { forkedAt: { key: fork.at, state: fork.state ?? {} } }),
  });
  const state = { ...graph.initial, message: asked.text, input: data, last: null };
  const line = lineOf(walk, graph, { prefix: "", state, atMs: await context.now("begun") });
  await walkFrom(line, graph.entry, null);
  return finish(walk, flow, line.state);
}

async function finish(
  walk: Walk,
  { output }: CompiledFlow,
  state: Readonly<Record<string, unknown>>,
): Promise<TurnResult> {
  const { context, graph, input } = walk;
  const answers = walk.answers.map(({ answer }) => answer);
  const shown = walk.answers.filter(({ node }) => graph.shown.has(node.id));
  const given = output === null ? state["last"] : output(state);
  const isShown = shown.length > 0;
  const said = isShown
    ? shown.map(({ answer }) => answer.text).join("")
    : (textOf(given ?? undefined) ?? "");
  const routing = announce(walk, shown.at(-1)?.node);
  const isUnseen = !isShown && input.task?.show !== false;
  const text = isUnseen ? await showText(context, "show", said) : said;
  const last = answers.at(-1);
  return {
    text,
    output: given ?? null,
    ...restingOn([...answers, unseenBy(walk.asked)]),
    usage: walk.usage,
    model: last?.model ?? "",
    builtin: answers.some(({ builtin }) => builtin),
    finishReason: "stop",
    data: null,
    routing,
    trigger: null,
  };
}
