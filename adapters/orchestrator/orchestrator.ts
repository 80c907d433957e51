// Agents that work by themselves, as /agents/v1 and files of a folder say them: an agent with its sub-agents and its
// triggers, made, changed and removed as one, started and stopped. The records are those of /v2; while an agent has
// them, its triggers are changed here alone.

import { replaceAgent } from "../../actors/agent-change.ts";
import type { AgentRow } from "../../actors/records/agent-version.ts";
import {
  type OrchestratedInput,
  type OrchestratedRow,
  orchestratedLimits,
  orchestratedTables,
} from "../../actors/records/orchestrated.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Caller, checkMatch } from "../http/services/agent-store.ts";
import type { OnceKey } from "../http/services/once.ts";
import { type Page, type PageRequest, pageOf } from "../http/services/paging.ts";
import { refuseUsed } from "../http/services/record-links.ts";
import { isSame } from "../http/services/same.ts";
import { createSerial } from "../serial.ts";
import { checkParts } from "./check.ts";
import { agentOf, type KnownNames, placedIn, plainTool, triggerNames } from "./mapping.ts";
import { ownTriggers, setActive, settleSubAgents, settleTriggers } from "./parts.ts";
import type {
  Change,
  FileProblems,
  Orchestrated,
  Orchestrator,
  OrchestratorParts,
  Source,
  StartedRun,
} from "./port.ts";
import { refuseRemote } from "./remote-tools.ts";
import { cancelRuns, launchRun } from "./runs.ts";

const fresh: OrchestratedRow = { status: "stopped", triggers: [], runs: [], file: null };
const table = orchestratedTables.agents;
const ID = /^ag_[A-Za-z0-9]{1,61}$/;

/** Makes it. */
export function createOrchestrator(parts: OrchestratorParts): Orchestrator {
  return new KeptAgents(parts);
}

class KeptAgents implements Orchestrator {
  readonly problems: FileProblems = { tenant: "", byFile: new Map() };
  readonly #parts: OrchestratorParts;
  readonly #serial = createSerial();

  constructor(parts: OrchestratorParts) {
    this.#parts = parts;
  }

  async modelOf(name: string): Promise<string> {
    return await this.#parts.settings.modelOf(name);
  }

  async get(tenant: string, id: string): Promise<Orchestrated> {
    const { agents } = this.#parts;
    const state = await this.#known(tenant, id);
    const [row, subAgents, triggers] = await Promise.all([
      agents.get(tenant, id),
      agents.subAgents(tenant, id),
      ownTriggers(this.#parts, tenant, id),
    ]);
    return { row, state, subAgents, triggers };
  }

  async list(
    tenant: string,
    { limit, after = "" }: PageRequest,
    only?: readonly string[],
  ): Promise<Page<Orchestrated>> {
    const { tables } = this.#parts.system;
    const rows =
      only === undefined
        ? await tables.list(tenant, table, { limit: limit + 1, ...(after !== "" && { after }) })
        : [...only].sort().flatMap((id) => (id > after ? [{ id }] : []));
    const { items, next } = pageOf(rows, limit, { id: ({ id }) => id, item: ({ id }) => id });
    const found = await Promise.all(items.map((id) => this.get(tenant, id).catch(nobody)));
    return { items: found.flatMap((one) => one ?? []), next };
  }

  async create(caller: Caller, of: Definition, key: OnceKey | null): Promise<Orchestrated> {
    const { tenant } = caller;
    const { agents } = this.#parts;
    const input = await inputOf(this.#parts, tenant, of.said);
    await checkParts(this.#parts, { tenant, agent: null }, of.said);
    const { value } = await told(of.said, () =>
      agents.create(caller, input, key, of.source.origin),
    );
    const id = value.agent.agent_key;
    return await this.#alone(tenant, id, async () => {
      if ((await this.#stateOf(tenant, id)) !== undefined) return await this.get(tenant, id);
      try {
        return await this.#settle(caller, id, of);
      } catch (error) {
        // What was asked for is there as a whole or not at all.
        await this.#dismantle(caller, id, null);
        throw error;
      }
    });
  }

  async change(caller: Caller, id: string, change: Change): Promise<Orchestrated> {
    const { tenant } = caller;
    const { agents, nowMs } = this.#parts;
    const { said, ifMatch, always } = change;
    return await this.#alone(tenant, id, async () => {
      refuseFile(await this.#known(tenant, id), change.source);
      const input = await inputOf(this.#parts, tenant, said);
      await checkParts(this.#parts, { tenant, agent: id }, said);
      const row = await agents.get(tenant, id);
      const at = new Date(nowMs()).toISOString();
      if (always || differs(row, replaceAgent(row, input, at))) {
        const next = (from: AgentRow, when: string) => replaceAgent(from, input, when);
        await told(said, () => agents.update(caller, id, { set: input, next }, ifMatch));
      }
      return await this.#settle(caller, id, change);
    });
  }

  async remove(caller: Caller, id: string, ifMatch: number | null): Promise<void> {
    const { tenant } = caller;
    const { resources } = this.#parts;
    await this.#alone(tenant, id, async () => {
      const state = await this.#known(tenant, id);
      refuseFile(state, { file: null });
      const own = new Set(
        (await ownTriggers(this.#parts, tenant, id)).map(({ record }) => record.id),
      );
      const users = await resources.usersOf(tenant, id);
      const others = users.filter((user) => !own.has(user.id));
      refuseUsed(`Agent ${id}`, others, caller);
      checkMatch(ifMatch, (await this.#parts.agents.get(tenant, id)).version);
      await cancelRuns(this.#parts, tenant, state);
      await this.#dismantle(caller, id, null);
    });
  }

  async start(
    caller: Caller,
    id: string,
    input: string | null,
    key: OnceKey | null,
  ): Promise<{ readonly agent: Orchestrated; readonly run: StartedRun | null }> {
    const { tenant } = caller;
    return await this.#alone(tenant, id, async () => {
      const { row, state: before } = await this.get(tenant, id);
      const state: OrchestratedRow = { ...before, status: "running" };
      // Known to be running before anything begins: what is begun of one that is stopped is refused.
      await this.#keep(tenant, id, state);
      await setActive(this.#parts, caller, state);
      if (input === null) return { agent: await this.get(tenant, id), run: null };
      const run = await launchRun(this.#parts, { tenant, row, input, key });
      const others = state.runs.filter((one) => one !== run.run);
      const runs = [...others, run.run].slice(-orchestratedLimits.runs);
      await this.#keep(tenant, id, { ...state, runs });
      return { agent: await this.get(tenant, id), run };
    });
  }

  async stop(
    caller: Caller,
    id: string,
  ): Promise<{ readonly agent: Orchestrated; readonly cancelled: readonly string[] }> {
    const { tenant } = caller;
    return await this.#alone(tenant, id, async () => {
      const state: OrchestratedRow = { ...(await this.#known(tenant, id)), status: "stopped" };
      await this.#keep(tenant, id, state);
      await setActive(this.#parts, caller, state);
      const cancelled = await cancelRuns(this.#parts, tenant, state);
      await this.#keep(tenant, id, { ...state, runs: [] });
      return { agent: await this.get(tenant, id), cancelled };
    });
  }

  async release(caller: Caller, id: string): Promise<void> {
    const { tenant } = caller;
    await this.#alone(tenant, id, async () => {
      const state = await this.#stateOf(tenant, id);
      if (state === undefined) return;
      await this.#keep(tenant, id, { ...state, status: "stopped" });
      await cancelRuns(this.#parts, tenant, state);
      const next: OrchestratedRow = { ...fresh };
      await settleTriggers(this.#parts, caller, { id, said: { name: id }, next });
      await this.#keep(tenant, id, next);
    });
  }

  /** Sub-agents, triggers and what it is doing, of an agent that is as it was said. */
  async #settle(
    caller: Caller,
    id: string,
    { said, source, status }: Definition,
  ): Promise<Orchestrated> {
    const { tenant } = caller;
    const before = (await this.#stateOf(tenant, id)) ?? fresh;
    const next = { ...before, file: source.file, status: status ?? before.status };
    await settleSubAgents(this.#parts, caller, { id, said });
    const triggers = await settleTriggers(this.#parts, caller, { id, said, next });
    await this.#keep(tenant, id, { ...next, triggers });
    return await this.get(tenant, id);
  }

  /** Triggers, then the agent, then what it was doing: cut anywhere it can be done again. */
  async #dismantle(caller: Caller, id: string, ifMatch: number | null): Promise<void> {
    const { tenant } = caller;
    const { agents, system } = this.#parts;
    await settleTriggers(this.#parts, caller, { id, said: { name: id }, next: fresh });
    await agents.remove(caller, id, ifMatch);
    await system.tables.write(tenant, [{ type: "remove", table, id }]);
  }

  #alone<T>(tenant: string, id: string, work: () => Promise<T>): Promise<T> {
    return this.#serial.run(`${tenant}/${id}`, work);
  }

  async #stateOf(tenant: string, id: string): Promise<OrchestratedRow | undefined> {
    const row = await this.#parts.system.tables.get(tenant, table, id);
    return row?.value as OrchestratedRow | undefined;
  }

  async #keep(tenant: string, id: string, value: OrchestratedRow): Promise<void> {
    await this.#parts.system.tables.write(tenant, [{ type: "put", table, id, value }]);
  }

  /** @throws NOT_FOUND. */
  async #known(tenant: string, id: string): Promise<OrchestratedRow> {
    const state = ID.test(id) ? await this.#stateOf(tenant, id) : undefined;
    if (state !== undefined) return state;
    const text = `Agent ${id.slice(0, 64)} does not exist under /agents/v1.`;
    throw new RuntimeError("NOT_FOUND", text);
  }
}

type Definition = Pick<Change, "said" | "source" | "status">;

/** The agent's record, with what it may not have refused. @throws with the pointer in what was said. */
async function inputOf(parts: OrchestratorParts, tenant: string, said: OrchestratedInput) {
  const { settings } = parts;
  triggerNames(said.triggers ?? []);
  const known: KnownNames = {
    modelOf: (name) => settings.modelOf(name),
    toolOf: (word) => toolNamed(parts, tenant, word),
  };
  const input = await agentOf(said, known);
  if (!settings.remoteTools) await refuseRemote(parts, tenant, { said, tools: input.tools ?? [] });
  return input;
}

async function toolNamed(
  { resources, index, settings }: OrchestratorParts,
  tenant: string,
  word: string,
): Promise<string | null> {
  const plain = plainTool(word);
  if (plain !== undefined) return plain;
  const all = await index.ordered(tenant, resources.kinds.tools.listing, "created_at");
  const [found, ...others] = all.filter(({ entry }) => entry.name === word);
  if (found !== undefined && others.length === 0) return found.id;
  if (found !== undefined) {
    const text = `${others.length + 1} tools of the tenant are named "${word}": say which by its id.`;
    throw new RuntimeError("INVALID", text, { pointer: "" });
  }
  return (await settings.hasScript(tenant, word)) ? `custom.${word}` : null;
}

async function told<T>(said: OrchestratedInput, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw placedIn(error, said);
  }
}

function differs(before: AgentRow, after: AgentRow): boolean {
  const { version: _v, updated_at: _u, ...was } = before.agent;
  const { version: _w, updated_at: _x, ...is } = after.agent;
  return !isSame(was, is);
}

/** @throws CONFLICT for one that a file says, unless it is that which changes it. */
function refuseFile({ file }: OrchestratedRow, source: Pick<Source, "file">): void {
  if (file === null || source.file !== null) return;
  const text = `This agent is kept by a file of the server: it is changed in ${file}.`;
  throw new RuntimeError("CONFLICT", text, { file });
}

/** Removed meanwhile, or through /v2. */
function nobody(error: unknown): null {
  if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
  throw error;
}
