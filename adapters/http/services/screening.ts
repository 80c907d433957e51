// What is asked of an agent, a team or a workflow goes through guardrails before it is accepted: the
// tenant's, then those of who is asked. Long texts are looked at in a thread of the compute pool.

import { pinnedVersion } from "../../../actors/canary.ts";
import type { Said, Screened } from "../../../actors/guard/screen.ts";
import {
  chainOf,
  guardrailsTable,
  isForAll,
  rulesIn,
  type StoredChain,
  TENANT,
  type TenantGuardrails,
} from "../../../actors/guard/stored.ts";
import { screenTaskName } from "../../../actors/guard/task-name.ts";
import type { Compute } from "../../../actors/ports.ts";
import { type AgentRow, versionId } from "../../../actors/records/agent-version.ts";
import type { ChatMessage, CompletionMessage } from "../../../actors/records/conversation.ts";
import {
  type Finding,
  type GuardFigures,
  type GuardInput,
  type GuardRef,
  guardrailLimits,
} from "../../../actors/records/guardrail.ts";
import { type Accepting, targetPlace } from "../../../actors/targets.ts";
import { fromErrorData } from "../../../runtime/errors.ts";
import type { System } from "../../../runtime/system.ts";
import type { Refusals } from "../../audit/refusals.ts";
import type { OperatorGuards } from "./operator-guards.ts";

/** Characters of a message, as JSON, up to which it is looked at in the thread of the door. */
const HERE_CHARS = 8_000;
/** How long looking may take in another one, ms. */
const SCREEN_MS = 30_000;

/** What services give for it. */
export interface GuardParts {
  /** Where findings are counted that no run tells. */
  readonly guards?: GuardFigures;
  /** Where refused messages are told. */
  readonly refusals: Pick<Refusals, "tell">;
  /** Default: the operator has set none. */
  readonly operatorGuards?: OperatorGuards;
}

/** Where chains are, and who looks. */
export interface ScreenPlace extends GuardParts {
  readonly system: Pick<System, "tables">;
  readonly compute: Compute;
  readonly caller: { readonly tenant: string; readonly keyId: string | null };
  nowMs(): number;
  /** Of the conversation or completion: a canary answers some of them. */
  readonly root: string;
}

type Message = ChatMessage | CompletionMessage;
type Target = Pick<Accepting, "current" | "guardrails" | "agent">;

/** A message that is let through. */
interface Looked<T> {
  readonly message: T;
  readonly chains: readonly StoredChain[];
  readonly findings: readonly Finding[];
}

/**
 * The message as it is accepted: redacted, and with what its run is to know.
 * @throws GUARDRAIL_BLOCKED, which says which guardrail and why.
 */
export async function screenMessage<T extends Message>(
  place: ScreenPlace,
  target: Target,
  message: T,
): Promise<T> {
  const { message: left, chains, findings } = await looked(place, target, message);
  const guards = forAll(chains);
  return withGuard(left, { guards, ...(findings.length > 0 && { screened: findings }) });
}

/**
 * What is left of a message that is looked at and not kept: no run tells what was found in it.
 * @throws GUARDRAIL_BLOCKED.
 */
export async function screenPreview<T extends Said & { readonly agent: string }>(
  place: ScreenPlace,
  target: Target,
  message: T,
): Promise<Pick<Looked<T>, "message" | "findings"> & Pick<GuardInput, "guards">> {
  const { message: left, chains, findings } = await looked(place, target, message);
  if (findings.length > 0) await tell(place, chains, findings);
  return { message: left, findings, guards: forAll(chains) };
}

const forAll = (chains: readonly StoredChain[]): readonly GuardRef[] =>
  chains.filter(({ ref }) => isForAll(ref.id)).map(({ ref }) => ref);

async function looked<T extends Said & { readonly agent: string }>(
  place: ScreenPlace,
  target: Target,
  message: T,
): Promise<Looked<T>> {
  const chains = await chainsOf(place, target, message.agent);
  if (chains.length === 0) return { message, chains, findings: [] };
  const { screen, looksAtInput } = await import("../../../actors/guard/screen.ts");
  if (!looksAtInput(chains)) return { message, chains, findings: [] };
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
    await tell(place, chains, given.findings);
    throw fromErrorData(given.refusal);
  }
  return { message: given.message, chains, findings: given.findings };
}

/** No run tells of what was refused: it is written here, before the refusal is told. */
async function tell(
  { caller, guards, refusals, nowMs }: ScreenPlace,
  chains: readonly StoredChain[],
  findings: readonly Finding[],
): Promise<void> {
  const { auditedFinding, checkOf, countFindings } = await import("../../../actors/guard/told.ts");
  const { compiledChain } = await import("../../../actors/guard/compiled.ts");
  const chain = await compiledChain(caller.tenant, chains);
  countFindings(guards, chain, findings);
  const { tenant } = caller;
  const source = { by: caller.keyId ?? "door", channel: "api" } as const;
  await Promise.all(
    findings.slice(0, guardrailLimits.findings).map((finding) => {
      const { rule, of, on } = finding;
      const what = { ...auditedFinding(finding, checkOf(chain, finding)), nowMs: nowMs() };
      // A crowd that is refused is told once a minute of each rule, and counted.
      const kind = [what.action, source.by, of, on, rule].join(" ");
      return refusals.tell({ tenant, source, what, kind });
    }),
  );
}

function withGuard<T extends Message>(message: T, { guards = [], screened }: GuardInput): T {
  if (guards.length === 0 && screened === undefined) return message;
  const guard = { ...(guards.length > 0 && { guards }), ...(screened && { screened }) };
  return { ...message, guard };
}

async function chainsOf(
  { system: { tables }, caller: { tenant }, root, operatorGuards }: ScreenPlace,
  { current, guardrails, agent }: Target,
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
  const ofOperator = await operatorGuards?.of(tenant);
  const all: readonly StoredChain[] = [
    ...(ofOperator ? [ofOperator] : []),
    ...(ofTenant === undefined ? [] : [chainOf(TENANT, ofTenant)]),
    own,
  ];
  return all.filter(({ rules }) => rules.length > 0);
}
