// Workflows on a whole simulated system: virtual time, so that days are nothing, and a disk that can
// fail at any write. Agents are a run of the test's own, which says what it was asked and counts.

import { catalog } from "../../actors/catalog.ts";
import { loadFlowLibraries } from "../../actors/flow/compile-flow.ts";
import { flowRun } from "../../actors/flow/flow-run.ts";
import { noUsage } from "../../actors/money/spent.ts";
import { agentTables, versionId } from "../../actors/records/agent-version.ts";
import type { WorkflowInput } from "../../actors/records/workflow.ts";
import { targetPlace } from "../../actors/targets.ts";
import { teamRun } from "../../actors/team/team.ts";
import type { TurnInput, TurnResult } from "../../actors/turn-input.ts";
import { type Definition, defineRun } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { loadLog } from "../../runtime/runs/journal.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import { encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";
import { emptyAgent } from "./agent-records.ts";

/** Compiled workflows are kept by tenant, id and version: each system takes a tenant of its own. */
let systems = 0;

/** End of a run as a viewer sees it. */
export type End = Extract<Frame, { type: "end" }>;

/** A system with workflows. */
export interface FlowSystem {
  readonly system: TestSystem;
  readonly tenant: string;
  /** What agents were asked, in order. */
  readonly asked: string[];
  putFlow(id: string, record: Partial<WorkflowInput>, version?: number): Promise<void>;
  putAgent(id: string): Promise<void>;
  /** Sends a message to a workflow in a conversation of its own. @returns the run. */
  start(flow: string, cv: string, data?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Tells a run an event. @returns "" or the code it was refused with. */
  tell(cv: string, run: string, name: string, value: unknown): Promise<string>;
  /** The end of a run, which comes within `ms`. */
  end(cv: string, run: string, ms?: number): Promise<End>;
  /** All frames to the end. */
  frames(cv: string, run: string, ms?: number): Promise<readonly Frame[]>;
  log(cv: string, run: string): Promise<readonly LogEntry[]>;
  /** Starts again after every crash until nothing crashes any more. */
  up(): Promise<void>;
}

/** What an agent answers: its id and what it was asked. */
export function answerOf(agent: string, text: string): string {
  return `${agent}(${text})`;
}

/** Starts one. */
export async function startFlows(
  options: Partial<TestSystemOptions> = {},
  agentAnswers: (input: TurnInput, text: string) => Promise<string> | string = ({ agent }, text) =>
    answerOf(agent, text),
): Promise<FlowSystem> {
  await loadFlowLibraries();
  const asked: string[] = [];
  const agents = defineRun<TurnInput, TurnResult, unknown>({
    kind: "supervisor",
    async run(input, context) {
      const question = input.task?.text ?? "";
      const { text } = await context.step(
        "answer",
        async ({ write }) => {
          asked.push(question);
          const said = await agentAnswers(input, question);
          if (input.task?.show !== false) write(said);
          return { text: said };
        },
        { repeat: "safe", retry: { times: 0, minMs: 1, maxMs: 1 } },
      );
      return resultOf(text);
    },
  });
  const definitions: readonly Definition[] = [
    // Those of the catalog are loaded when they are first called, which takes no virtual time.
    ...catalog.filter(({ kind }) => !["supervisor", "flow", "team"].includes(kind)),
    ...([flowRun, teamRun] as unknown as Definition[]),
    agents,
  ];
  const system = new TestSystem({ seed: 1, definitions, workers: 1, ...options });
  const flows = flowSystem(system, asked);
  await flows.up();
  return flows;
}

function flowSystem(system: TestSystem, asked: string[]): FlowSystem {
  const { schedule } = system;
  systems += 1;
  const tenant = `tn_test${systems}`;
  const run = async <T>(promise: Promise<T>, ms = 1_000): Promise<T> => {
    promise.catch(() => undefined);
    await schedule.advance(ms);
    return await promise;
  };
  const put = async (rows: readonly (readonly [string, unknown])[]): Promise<void> => {
    const ops = rows.map(([key, value]): StoreOp => ({ op: "put", key, value: encode(value) }));
    await run(system.disk.connect().commit({ ops }).committed);
  };
  const frames = (cv: string, id: string, ms = 1_000): Promise<readonly Frame[]> =>
    run(system.follow({ tenant, root: cv, run: id }), ms);
  return {
    system,
    tenant,
    asked,
    putFlow: (id, record, version = 1) => {
      const { current, versions } = targetPlace(id);
      const row = { record: { name: id, ...record, id, version }, version };
      return put([
        [keys.table(tenant, current, id), row],
        [keys.table(tenant, versions, versionId(id, version)), row],
      ]);
    },
    putAgent: (id) => {
      const row = { agent: { ...emptyAgent, agent_key: id }, version: 1, subAgents: [] };
      return put([
        [keys.table(tenant, agentTables.agents, id), row],
        [keys.table(tenant, agentTables.agentVersions, versionId(id, 1)), row],
      ]);
    },
    async start(flow, cv, data = {}) {
      const to = address({ kind: "conversation", tenant, root: cv });
      const message = {
        ...{ type: "chat", agent: flow, text: JSON.stringify(data), data, stream: true },
        ...{ priceMicros: 0, service: "runs" },
      };
      const key = { source: "test", key: `${cv}.${flow}`, bodyHash: "x", hours: 24 };
      const accepted = (await run(system.ask(to, message, key))) as { readonly run: string };
      return accepted.run;
    },
    async tell(cv, id, name, value) {
      const control = { type: "decide", key: `event:${name}`, value } as const;
      const told = system.control({ tenant, root: cv, run: id }, control);
      return await run(told).then(
        () => "",
        (error: RuntimeError) => error.code,
      );
    },
    frames,
    async end(cv, id, ms) {
      const last = (await frames(cv, id, ms)).at(-1);
      if (last?.type !== "end") throw new Error(`The run ${id} did not end within ${ms} ms.`);
      return last;
    },
    async log(cv, id) {
      const root = address({ kind: "flow", tenant, root: cv, path: id });
      return (await run(loadLog(system.disk.connect(), root))).log;
    },
    async up() {
      for (let crashes = -1; crashes !== system.crashes; ) {
        crashes = system.crashes;
        await system.start();
      }
    },
  };
}

function resultOf(text: string): TurnResult {
  return {
    ...{ text, sources: [], usage: noUsage, model: "test", builtin: false },
    ...{ finishReason: "stop", data: null, trigger: null },
    routing: {
      ...{ selected_action: "SUPERVISOR", action_name: "test", reason: "", intent: "" },
      ...{ confidence: 1, threshold: 0, method: "graph", candidates: [], sub_agent_key: null },
    },
  };
}
