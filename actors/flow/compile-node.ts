// One node of a definition, parsed: what its type wants, and nothing else.

import { limits } from "../limits.ts";
import { toolTypes } from "../records/tool.ts";
import type { GraphNode, NodeBase, NodeType, Reducer, Shape } from "./graph.ts";
import { FieldReader, type Fields, invalid, objectOf, refuseUnknown } from "./node-reader.ts";
import { quorumIn } from "./quorum.ts";

/** What nodes are read with. */
export interface NodePlace {
  /** An agent's graph has sub-agents and the supervisor; a workflow's has not. */
  readonly owner: "agent" | "workflow";
  readonly reducers: ReadonlyMap<string, Reducer>;
  /** Compiles the body of a loop or a map, or the one node that a map is for all items. */
  body(definition: unknown, pointer: string): Shape;
  single(node: Fields, pointer: string): Shape;
}

const ID = /^[A-Za-z0-9_.-]{1,64}$/;
const EVENT = /^[A-Za-z0-9_-]{1,64}$/;
const TOOL = /^tl_[A-Za-z0-9]{1,61}$/;
/** Agents have nodes of their own; scripts and tools of files are nothing without the code or the paths of a record. */
const uncallable: readonly string[] = [
  ...["delegate", "handoff", "script", "mcp", "file_reader", "file_writer", "file_search"],
];
/** Built-in tools that a graph may call beside records. */
const callable: readonly string[] = toolTypes.filter((type: string) => !uncallable.includes(type));
const DAY_MS = 24 * 3_600_000;

/** Fields of each type, beside id and type. */
const fieldsOf: Readonly<Record<NodeType, readonly string[]>> = {
  sub_agent: ["ref", "input", "save", "output"],
  supervisor: ["input", "save", "output"],
  agent: ["ref", "input", "save", "output"],
  sub_workflow: ["ref", "input", "save", "output"],
  tool: ["ref", "arguments", "on_error", "save"],
  set: ["value", "save"],
  sleep: ["ms", "until"],
  event: ["event", "key", "timeout_ms", "on_timeout", "save"],
  approval: ["arguments", "reason", "timeout_ms", "default", "approve_when", "approvals", "save"],
  loop: ["while", "max", "on_max", "body"],
  map: ["items", "body", "ref", "input", "concurrency", "result", "save"],
  condition: [],
  parallel: [],
  join: [],
  end: [],
};
const known = new Set(["id", "type", ...Object.values(fieldsOf).flat()]);
const ofAgents: readonly string[] = ["sub_agent", "supervisor"];

/** Types that a graph of this owner may have. */
export function nodeTypes(owner: NodePlace["owner"]): readonly string[] {
  const all = Object.keys(fieldsOf);
  return owner === "agent" ? all : all.filter((type) => !ofAgents.includes(type));
}

/** @throws GRAPH_INVALID with the pointer of the field. */
export function compileNode(
  value: unknown,
  place: NodePlace,
  { pointer, index }: Pick<NodeBase, "pointer" | "index">,
): GraphNode {
  const fields = objectOf(value, pointer);
  refuseUnknown(fields, known, pointer);
  const reader = new FieldReader(fields, pointer);
  const id = reader.text("id", ID, "A node's id is 1 to 64 of A-Z a-z 0-9 _ . -");
  const types = nodeTypes(place.owner);
  const type = fields["type"];
  if (typeof type !== "string" || !types.includes(type)) {
    throw invalid(`${pointer}/type`, `A node's type is one of ${types.join(", ")}.`);
  }
  refuseForeign(fields, type as NodeType, pointer);
  const save = saveOf(reader, place);
  const output = reader.given("output") ?? false;
  if (typeof output !== "boolean") throw reader.fault("output", "output is true or false.");
  return typed(type as NodeType, { id, save, output, index, pointer }, reader, place);
}

function refuseForeign(fields: Fields, type: NodeType, pointer: string): void {
  const own = fieldsOf[type];
  for (const [name, given] of Object.entries(fields)) {
    if (name === "id" || name === "type" || own.includes(name)) continue;
    if (given === null || given === false) continue;
    throw invalid(`${pointer}/${name}`, `A node of type ${type} has no ${name}.`);
  }
}

function saveOf(reader: FieldReader, { reducers }: NodePlace): string | null {
  const save = reader.given("save");
  if (save === undefined) return null;
  if (typeof save === "string" && reducers.has(save)) return save;
  throw reader.fault("save", `state_schema has no property "${String(save)}".`);
}

function typed(type: NodeType, base: NodeBase, reader: FieldReader, place: NodePlace): GraphNode {
  switch (type) {
    case "sub_agent": {
      const ref = reader.text("ref", /^/, "A sub_agent node names its sub-agent in ref.");
      return { ...base, type, ref, input: reader.expression("input") };
    }
    case "supervisor":
      return { ...base, type, ref: null, input: reader.expression("input") };
    case "agent":
    case "sub_workflow":
      return { ...base, type, ref: targetOf(type, reader), input: reader.expression("input") };
    case "tool":
      return {
        ...base,
        type,
        ref: toolOf(reader),
        arguments: reader.expression("arguments"),
        onError: reader.oneOf("on_error", ["fail", "continue"], "fail"),
      };
    case "set": {
      if (base.save === null) throw reader.fault("save", "A set node names its field in save.");
      const value = reader.needed("value", "value is a CEL expression over the state.");
      return { ...base, type, value };
    }
    case "sleep":
      return sleepOf(base, reader);
    case "event":
      return {
        ...base,
        type,
        event: reader.text("event", EVENT, "An event's name is 1 to 64 of A-Z a-z 0-9 _ -"),
        key: reader.expression("key"),
        timeoutMs: reader.integer("timeout_ms", {
          ...{ min: 1, max: limits.flowWaitMs, usual: DAY_MS },
        }),
        onTimeout: reader.oneOf("on_timeout", ["fail", "continue"], "fail"),
      };
    case "approval":
      return approvalOf(base, reader);
    case "loop":
      return {
        ...base,
        type,
        while: reader.expression("while"),
        max: reader.integer("max", { min: 1, max: limits.loopRounds }),
        onMax: reader.oneOf("on_max", ["fail", "continue"], "continue"),
        body: place.body(reader.given("body"), reader.at("body")),
      };
    case "map":
      return mapOf(base, reader, place);
    default:
      return { ...base, type };
  }
}

function targetOf(type: "agent" | "sub_workflow", reader: FieldReader): string {
  return type === "agent"
    ? reader.text(
        "ref",
        /^(ag|tm|tl)_\w{1,61}$/,
        "An agent node names an agent (ag_), a team (tm_) or an agent elsewhere (tl_, a remote_agent).",
      )
    : reader.text("ref", /^wf_\w{1,61}$/, "A sub_workflow node names a workflow (wf_) in ref.");
}

function toolOf(reader: FieldReader): string {
  const ref = reader.given("ref");
  if (typeof ref === "string" && (callable.includes(ref) || TOOL.test(ref))) return ref;
  throw reader.fault("ref", `A tool node names ${callable.join(", ")} or a record (tl_) in ref.`);
}

function sleepOf(base: NodeBase, reader: FieldReader): GraphNode {
  const ms = reader.numberOrExpression("ms", { min: 0, max: limits.flowWaitMs });
  const until = reader.expression("until");
  if ((ms === null) === (until === null)) {
    throw reader.fault(ms === null ? "ms" : "until", "A sleep has either ms or until.");
  }
  return { ...base, type: "sleep", ms, until };
}

function approvalOf(base: NodeBase, reader: FieldReader): GraphNode {
  return {
    ...base,
    type: "approval",
    arguments: reader.expression("arguments"),
    reason: reader.text("reason", /^.{1,500}$/s, "reason is for the person: 1 to 500 characters."),
    timeoutMs: reader.integer("timeout_ms", {
      ...{ min: limits.approvalMsMin, max: limits.approvalMsMax, usual: limits.approvalMs },
    }),
    byDefault: reader.oneOf("default", ["approve", "reject"], "reject"),
    approveWhen: reader.condition("approve_when"),
    quorum: quorumIn(reader),
  };
}

function mapOf(base: NodeBase, reader: FieldReader, place: NodePlace): GraphNode {
  const ref = reader.given("ref");
  const body = reader.given("body");
  if ((ref === undefined) === (body === undefined)) {
    throw reader.fault(body === undefined ? "body" : "ref", "A map has either a body or a ref.");
  }
  if (ref === undefined && reader.given("input") !== undefined) {
    throw reader.fault("input", "Only a map with a ref has an input.");
  }
  return {
    ...base,
    type: "map",
    items: reader.needed("items", "items is a CEL expression that gives a list."),
    concurrency: reader.integer("concurrency", { min: 1, max: limits.mapConcurrency, usual: 5 }),
    result: reader.expression("result"),
    body:
      ref === undefined
        ? place.body(body, reader.at("body"))
        : place.single(eachOf(base.id, reader), base.pointer),
  };
}

/** The one node that a map with a ref is for each item. */
function eachOf(id: string, reader: FieldReader): Fields {
  const ref = reader.text(
    "ref",
    /^(ag|tm|wf|tl)_\w{1,61}$/,
    "A map's ref names an agent (ag_), a team (tm_), a workflow (wf_) or an agent elsewhere (tl_, a remote_agent).",
  );
  const type = ref.startsWith("wf_") ? "sub_workflow" : "agent";
  return { id: `${id}.each`.slice(-64), type, ref, input: reader.given("input") ?? "item" };
}
