// What is asked of an agent, a team or a workflow goes through guardrails before it is accepted: the
// tenant's, then those of who is asked. Long texts are looked at in a thread of the compute pool.

import { pinnedVersion } from "../../../actors/canary.ts";
import type { Screened } from "../../../actors/guard/screen.ts";
import {
  guardrailsTable,
  rulesIn,
  type StoredChain,
  TENANT,
  type TenantGuardrails,
} from "../../../actors/guard/stored.ts";
import { screenTaskName } from "../../../actors/guard/task-name.ts";
import type { Compute } from "../../../actors/ports.ts";
import { type AgentRow, versionId } from "../../../actors/records/agent-version.ts";
import { audit } from "../../../actors/records/audit.ts";
import type { ChatMessage, CompletionMessage } from "../../../actors/records/conversation.ts";
import {
  type Finding,
  type GuardFigures,
  type GuardInput,
  guardrailLimits,
} from "../../../actors/records/guardrail.ts";
import { type Accepting, targetPlace } from "../../../actors/targets.ts";
import { fromErrorData } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableWrite } from "../../../runtime/system.ts";

/** Characters of a message, as JSON, up to which it is looked at in the thread of the door. */
const HERE_CHARS = 8_000;
/** How long looking may take in another one, ms. */
const SCREEN_MS = 30_000;

/** Where chains are, and who looks. */
export interface ScreenPlace {
  readonly system: Pick<System, "tables">;
  readonly compute: Compute;
  readonly caller: { readonly tenant: string; readonly keyId: string | null };
  /** Where findings are counted that no run tells. */
  readonly guards?: GuardFigures;
  nowMs(): number;
  /** Of the conversation or completion: a canary answers some of them. */
  readonly root: string;
}

type Message = ChatMessage | CompletionMessage;

/**
 * The message as it is accepted: redacted, and with what its run is to know.
 * @throws GUARDRAIL_BLOCKED, which says which guardrail and why.
 */
export async function screenMessage<T extends Message>(
  place: ScreenPlace,
  target: Accepting,
  message: T,
): Promise<T> {
  const chains = await chainsOf(place, target, message.agent);
  if (chains.length === 0) return message;
  const { screen, looksAtInput } = await import("../../../actors/guard/screen.ts");
  const guards = chains.filter(({ ref }) => ref.id === TENANT).map(({ ref }) => ref);
  if (!looksAtInput(chains)) return withGuard(message, { guards });
  const { caller, compute } = place;
  const { tenant } = caller;
  const by = { tenant, chains };
  const isShort = JSON.stringify(message).length <= HERE_CHARS;
  const given = isShort
    ? await screen(message, by)
    : ((await compute.run(
        screenTaskName,
        { message, by },
        { tenant, timeoutMs: SCREEN_MS },
      )) as Screened<T>);
  if ("refusal" in given) {
    await tellRefused(place, chains, given.findings);
    throw fromErrorData(given.refusal);
  }
  const { findings } = given;
  return withGuard(given.message, { guards, ...(findings.length > 0 && { screened: findings }) });
}

/** No run tells of what was refused: it is written here, before the refusal is told. */
async function tellRefused(
  { system, caller, guards, nowMs }: ScreenPlace,
  chains: readonly StoredChain[],
  findings: readonly Finding[],
): Promise<void> {
  const { auditedFinding, checkOf, countFindings } = await import("../../../actors/guard/told.ts");
  const { compiledChain } = await import("../../../actors/guard/compiled.ts");
  const chain = await compiledChain(caller.tenant, chains);
  countFindings(guards, chain, findings);
  const writes: TableWrite[] = [];
  const turn = {
    newId: (prefix: string) => newId(prefix, nowMs()),
    nowMs: nowMs(),
    putRow: (table: string, id: string, value: unknown) => {
      writes.push({ type: "put", table, id, value });
    },
  };
  const source = { by: caller.keyId ?? "door", channel: "api", run_id: null } as const;
  for (const finding of findings.slice(0, guardrailLimits.findings)) {
    audit(turn, { ...source, ...auditedFinding(finding, checkOf(chain, finding)) });
  }
  await system.tables.write(caller.tenant, writes);
}

function withGuard<T extends Message>(message: T, { guards = [], screened }: GuardInput): T {
  if (guards.length === 0 && screened === undefined) return message;
  const guard = { ...(guards.length > 0 && { guards }), ...(screened && { screened }) };
  return { ...message, guard };
}

async function chainsOf(
  { system: { tables }, caller: { tenant }, root }: ScreenPlace,
  { current, guardrails, agent }: Accepting,
  id: string,
): Promise<readonly StoredChain[]> {
  const row = await tables.get(tenant, guardrailsTable, TENANT);
  const ofTenant = row?.value as TenantGuardrails | undefined;
  let own: StoredChain = { ref: { id, version: current }, rules: guardrails };
  const version = agent?.agent_config?.canary
    ? pinnedVersion({ agent, version: current } as AgentRow, root)
    : current;
  if (version !== current) {
    const stored = await tables.get(tenant, targetPlace(id).versions, versionId(id, version));
    own = { ref: { id, version }, rules: rulesIn(stored?.value) };
  }
  const all =
    ofTenant === undefined
      ? [own]
      : [{ ref: { id: TENANT, version: ofTenant.version }, rules: ofTenant.guardrails }, own];
  return all.filter(({ rules }) => rules.length > 0);
}
