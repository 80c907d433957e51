// Nodes that answer: a sub-agent or the supervisor of the agent whose graph it is, or any agent, team
// or workflow of the tenant. Each is a child run.

import { RuntimeError } from "../../runtime/errors.ts";
import { childAnswer } from "../answer/child.ts";
import { askTarget, pinTarget } from "../ask-target.ts";
import { limits } from "../limits.ts";
import { addUsage } from "../money/spent.ts";
import type { Answer, AnswerInput, Task } from "../turn-input.ts";
import { announce } from "./announce.ts";
import type { AnswerNode, GraphNode, TargetNode } from "./graph.ts";
import { childOf, shared } from "./together.ts";
import type { Line } from "./walk.ts";
import { work } from "./work.ts";

/** Lets a sub-agent or the supervisor answer; its output, or its text, is the node's result. */
export async function answeringNode(line: Line, node: AnswerNode, key: string): Promise<null> {
  const { context, meter } = line.walk;
  await answered(line, node, key, (show) => {
    const input = inputOf(line, node, show);
    return childAnswer(context, `node:${key}`, input, meter);
  });
  return null;
}

/** Asks an agent, a team or a workflow, on the version that was current when this run first did. */
export async function targetNode(line: Line, node: TargetNode, key: string): Promise<null> {
  const { walk } = line;
  const { context, meter, input } = walk;
  await answered(line, node, key, async (show) => {
    const task = taskOf(line, node, show);
    await shared(walk, `pin:${node.ref}`, () => pinTarget(context, node.ref));
    const ask = { target: node.ref, of: input, task, timeoutMs: limits.flowWaitMs };
    return askTarget(context, `node:${key}`, ask, meter);
  });
  return null;
}

async function answered(
  line: Line,
  node: GraphNode,
  key: string,
  ask: (show: boolean) => Promise<Answer>,
): Promise<void> {
  const { walk } = line;
  const isShown = walk.graph.shown.has(node.id);
  if (isShown) announce(walk, node);
  await work(line, node, key, async () => {
    const show = isShown && walk.input.task?.show !== false;
    const answer = await childOf(walk, `node:${key}`, () => ask(show));
    walk.usage = addUsage(walk.usage, answer.usage);
    walk.answers.push({ node, answer });
    return answer.output ?? answer.text;
  });
}

function inputOf({ walk, state }: Line, node: AnswerNode, show: boolean): AnswerInput {
  const { owner, agent, version, sequences, stream, collected, user, task } = walk.input;
  const { systemMessage, prompts } = walk.input;
  const text = textOf(node.input?.(state) ?? task?.text);
  return {
    owner,
    agent,
    version,
    sequences,
    stream,
    ...(collected === undefined ? {} : { collected }),
    ...(user === undefined ? {} : { user }),
    ...(systemMessage === undefined ? {} : { systemMessage }),
    ...(prompts?.skills && { skills: prompts.skills }),
    ...(text === undefined ? {} : { text }),
    ...(task?.transcript === undefined ? {} : { extra: task.transcript }),
    ...(task?.instruction === undefined ? {} : { instruction: task.instruction }),
    subAgent: node.ref,
    show,
  };
}

function taskOf({ walk, state }: Line, node: TargetNode, show: boolean): Task {
  const { text, data } = walk.asked;
  const given = node.input?.(state) ?? (node.type === "sub_workflow" ? data : undefined) ?? text;
  if (node.type === "agent") return { text: textOf(given) ?? "", show };
  if (typeof given === "string") return { text: given, show };
  if (isObject(given)) return { text: JSON.stringify(given), data: given, show };
  const pointer = `${node.pointer}/input`;
  throw new RuntimeError("INVALID", `The input of "${node.id}" is no object.`, { pointer });
}

/** A value as a text. */
export function textOf(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
