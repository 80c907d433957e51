// A graph as it runs: nodes, edges with CEL conditions, reducers of the state. compile.ts makes
// it of a client's definition; what its nodes do is walk.ts and the files it is given.

import type { Expression } from "../expression.ts";

/** What a node does. */
export type NodeType = "sub_agent" | "supervisor" | "condition" | "parallel" | "join" | "end";

/** How a written value joins the one that is there. */
export type Reducer = "replace" | "append" | "merge" | "sum";

/** A node, ready to run. */
export interface GraphNode {
  readonly id: string;
  readonly type: NodeType;
  /** `sa_` key of a sub_agent node. */
  readonly ref: string | null;
  /** Text for the agent; null: the user's message. */
  readonly input: Expression | null;
  /** State field that takes the result. */
  readonly save: string | null;
  readonly output: boolean;
  /** Place in the definition; step keys use it, because ids may be long. */
  readonly index: number;
  readonly pointer: string;
}

/** An edge; `when` null is always taken. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly when: Expression | null;
  readonly pointer: string;
}

/** A graph, ready to run. */
export interface Graph {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  /** Edges by the node they leave, in the order they are tried. */
  readonly edges: ReadonlyMap<string, readonly GraphEdge[]>;
  readonly entry: string;
  readonly reducers: ReadonlyMap<string, Reducer>;
  /** State at the start: the defaults of the schema. */
  readonly initial: Readonly<Record<string, unknown>>;
  /** The join where the branches of each parallel node meet. */
  readonly joins: ReadonlyMap<string, string>;
  /** Ids of nodes whose text viewers see. */
  readonly shown: ReadonlySet<string>;
}
