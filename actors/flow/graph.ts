// A graph as it runs: nodes, edges with CEL conditions, reducers of the state. compile.ts makes
// it of a client's definition; what its nodes do is walk.ts and the files it is given.

import type { Expression } from "../expression.ts";
import type { Quorum } from "../records/approval.ts";

/** How a written value joins the one that is there. */
export type Reducer = "replace" | "append" | "merge" | "sum";

/** What every node has. */
export interface NodeBase {
  readonly id: string;
  /** State field that takes the result. */
  readonly save: string | null;
  readonly output: boolean;
  /** Place in its list of nodes; step keys use it, because ids may be long. */
  readonly index: number;
  readonly pointer: string;
}

/** A sub-agent or the supervisor of the agent whose graph it is. */
export interface AnswerNode extends NodeBase {
  readonly type: "sub_agent" | "supervisor";
  /** `sa_` key of a sub_agent node. */
  readonly ref: string | null;
  /** Text for the agent; null: the user's message. */
  readonly input: Expression | null;
}

/** An agent, a team or a workflow of the tenant, or an agent elsewhere that a tool record leads to. */
export interface TargetNode extends NodeBase {
  readonly type: "agent" | "sub_workflow";
  readonly ref: string;
  /** What it is asked; null: what this graph was asked. */
  readonly input: Expression | null;
}

/** A call of a tool. */
export interface ToolNode extends NodeBase {
  readonly type: "tool";
  /** Name of a built-in tool, or `tl_`. */
  readonly ref: string;
  /** An object; null: none. */
  readonly arguments: Expression | null;
  readonly onError: "fail" | "continue";
}

/** A value of the state. */
export interface SetNode extends NodeBase {
  readonly type: "set";
  readonly value: Expression;
}

/** A pause, for a time or until one. */
export interface SleepNode extends NodeBase {
  readonly type: "sleep";
  /** Milliseconds; null: `until` says when. */
  readonly ms: Expression | null;
  /** An ISO 8601 time, or milliseconds since the epoch. */
  readonly until: Expression | null;
}

/** Waits for something from outside that is named. */
export interface EventNode extends NodeBase {
  readonly type: "event";
  readonly event: string;
  /** Added to the name after a dot, for nodes that wait more than once in a run. */
  readonly key: Expression | null;
  readonly timeoutMs: number;
  readonly onTimeout: "fail" | "continue";
}

/** A person decides. */
export interface ApprovalNode extends NodeBase {
  readonly type: "approval";
  /** What is to be decided about; null: nothing but the reason. */
  readonly arguments: Expression | null;
  /** For the person. */
  readonly reason: string;
  readonly timeoutMs: number;
  /** What is taken when nobody decides in time. */
  readonly byDefault: "approve" | "reject";
  /** CEL over `args` that approves by rule. */
  readonly approveWhen: string | null;
  /** Who has to agree; null: anybody who may decide, once. */
  readonly quorum: Quorum | null;
}

/** A part of the graph that is walked again while a condition holds, so many times at most. */
export interface LoopNode extends NodeBase {
  readonly type: "loop";
  readonly while: Expression | null;
  readonly max: number;
  readonly onMax: "fail" | "continue";
  readonly body: Shape;
}

/** A part of the graph that is walked for each item of a list. */
export interface MapNode extends NodeBase {
  readonly type: "map";
  readonly items: Expression;
  readonly concurrency: number;
  /** What an item gives, seen from the end of its walk; null: the last result. */
  readonly result: Expression | null;
  readonly body: Shape;
}

/** Only chooses the way on. */
export interface WayNode extends NodeBase {
  readonly type: "condition" | "parallel" | "join" | "end";
}

/** A node, ready to run. */
export type GraphNode =
  | AnswerNode
  | TargetNode
  | ToolNode
  | SetNode
  | SleepNode
  | EventNode
  | ApprovalNode
  | LoopNode
  | MapNode
  | WayNode;

/** What a node does. */
export type NodeType = GraphNode["type"];

/** An edge; `when` null is always taken. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly when: Expression | null;
  readonly pointer: string;
}

/** Nodes that are walked from an entry to an end: a whole graph, or the body of a loop or a map. */
export interface Shape {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Edges by the node they leave, in the order they are tried. */
  readonly edges: ReadonlyMap<string, readonly GraphEdge[]>;
  readonly entry: string;
  /** The join where the branches of each parallel node meet. */
  readonly joins: ReadonlyMap<string, string>;
}

/** The fields of a graph's state. */
export interface StateFields {
  readonly reducers: ReadonlyMap<string, Reducer>;
  /** Says what is wrong with a value of a field, or null. Empty: fields take what they are given. */
  readonly checks: ReadonlyMap<string, (value: unknown) => string | null>;
  /** State at the start: the defaults of the schema. */
  readonly initial: Readonly<Record<string, unknown>>;
}

/** A graph, ready to run. */
export interface Graph extends Shape, StateFields {
  /** Ids of nodes whose text viewers see. */
  readonly shown: ReadonlySet<string>;
}

/** The body of a node that has one. */
export function bodyOf(node: GraphNode): Shape | null {
  return node.type === "loop" || node.type === "map" ? node.body : null;
}

/** All nodes of a shape, those of bodies after the node that has them. */
export function allNodes(shape: Pick<Shape, "nodes">): readonly GraphNode[] {
  return [...shape.nodes.values()].flatMap((node) => {
    const body = bodyOf(node);
    return body === null ? [node] : [node, ...allNodes(body)];
  });
}
