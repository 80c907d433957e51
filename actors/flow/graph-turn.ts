// A chat turn of an agent with a graph: the graph is walked, and what its marked or last node said is
// the answer. Called by the supervisor's run.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { restingOn, showText } from "../answer/child.ts";
import type { Asked } from "../answer/history.ts";
import type { CompiledAgent } from "../compiled.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";
import type { Meter } from "../spend.ts";
import type { TurnInput, TurnResult } from "../turn-input.ts";
import { announce } from "./announce.ts";
import type { Graph } from "./graph.ts";
import { nodes } from "./nodes.ts";
import { lineOf, type Walk, walkFrom, walkOf } from "./walk.ts";

/**
 * Runs a graph for one chat turn.
 * @throws NO_EDGE naming the node, STEPS_EXHAUSTED after 50 nodes, what a node's child failed with.
 */
export async function runGraph(
  context: RunContext<Ports>,
  input: TurnInput,
  options: {
    readonly compiled: CompiledAgent;
    readonly asked: Pick<Asked, "text">;
    readonly meter: Meter;
    readonly graph: Graph;
  },
): Promise<TurnResult> {
  const { graph, asked, compiled } = options;
  const { name } = compiled.agent;
  const walk = walkOf({ context, input, ...options, nodes, name, stepsMax: limits.graphSteps });
  const state = { ...graph.initial, message: asked.text, last: null };
  await walkFrom(lineOf(walk, graph, { prefix: "", state, atMs: 0 }), graph.entry, null);
  return finish(walk);
}

/** The answer of the marked or the last node that answered; shown now when it was not seen yet. */
async function finish(walk: Walk): Promise<TurnResult> {
  const { context, graph, answers } = walk;
  const shown = answers.filter(({ node }) => graph.shown.has(node.id));
  const final = shown.at(-1) ?? answers.at(-1);
  if (final === undefined) {
    throw new RuntimeError("NO_EDGE", "The graph came to an end without a node that answers.");
  }
  const routing = announce(walk, final.node);
  const isSeen = shown.length > 0 || walk.input.task?.show === false;
  const { text: said } = final.answer;
  const text = isSeen ? said : await showText(context, "show", said);
  const key = final.node.type === "sub_agent" ? final.node.ref : null;
  const subAgent = key === null ? undefined : walk.compiled?.subAgents.get(key);
  return {
    ...{ ...final.answer, text },
    // A shown node in a loop answers more than once: the text is all that viewers saw.
    ...(shown.length > 1 ? { text: shown.map(({ answer }) => answer.text).join("") } : {}),
    ...restingOn(answers.map(({ answer }) => answer)),
    usage: walk.usage,
    data:
      final.answer.data ??
      answers.findLast(({ answer }) => answer.data !== null)?.answer.data ??
      null,
    routing,
    trigger: subAgent?.action?.frontend_trigger ?? null,
  };
}
