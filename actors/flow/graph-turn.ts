// A chat turn of an agent with a graph: the graph is walked, and what its marked or last node said is
// the answer. Called by the supervisor's run.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { restingOn, showText } from "../answer/child.ts";
import type { Asked } from "../answer/history.ts";
import type { CompiledAgent } from "../compiled.ts";
import type { Ports } from "../ports.ts";
import type { Meter } from "../spend.ts";
import { noUsage, type TurnInput, type TurnResult } from "../turn-input.ts";
import { announce, answeringNode, routingOf } from "./answering.ts";
import type { Graph } from "./graph.ts";
import { parallelNode } from "./parallel.ts";
import { lineOf, type NodeTable, type Walk, walkFrom } from "./walk.ts";

const nodes: NodeTable = {
  sub_agent: answeringNode,
  supervisor: answeringNode,
  parallel: parallelNode,
};

/**
 * Runs a graph for one chat turn.
 * @throws NO_EDGE naming the node, STEPS_EXHAUSTED after 50 nodes, what a node's child failed with.
 */
export async function runGraph(
  context: RunContext<Ports>,
  input: TurnInput,
  options: {
    readonly compiled: CompiledAgent;
    readonly asked: Asked;
    readonly meter: Meter;
    readonly graph: Graph;
  },
): Promise<TurnResult> {
  const { graph, asked } = options;
  const walk: Walk = {
    context,
    input,
    ...options,
    nodes,
    steps: 0,
    usage: noUsage,
    answers: [],
    path: [],
    routing: null,
  };
  const state = { ...graph.initial, message: asked.text, last: null };
  await walkFrom(lineOf(walk, "", state), graph.entry, null);
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
  announce(walk, final.node);
  const isSeen = shown.length > 0 || walk.input.task?.show === false;
  if (!isSeen) await showText(context, "show", final.answer.text);
  const subAgent =
    final.node.ref === null ? undefined : walk.compiled.subAgents.get(final.node.ref);
  return {
    ...final.answer,
    // A shown node in a loop answers more than once: the text is all that viewers saw.
    ...(shown.length > 1 ? { text: shown.map(({ answer }) => answer.text).join("") } : {}),
    ...restingOn(answers.map(({ answer }) => answer)),
    usage: walk.usage,
    data:
      final.answer.data ??
      answers.findLast(({ answer }) => answer.data !== null)?.answer.data ??
      null,
    routing: walk.routing ?? routingOf(walk, final.node),
    trigger: subAgent?.action?.frontend_trigger ?? null,
  };
}
