// Who may do what: the one table of permissions, the rule by which a route has one, and the check that
// the door makes. Beside the roles of a tenant there is the server itself: who has its admin key.

import { type KeyRole, keyRoles } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Least role of a tenant that has a permission; `server`: no tenant's key has it, whatever its role. */
export type Least = KeyRole | "server";

interface Entry {
  readonly least: Least;
  /** What it allows, for people. */
  readonly allows: string;
}

/** All permissions. */
const table = {
  "models.read": { least: "viewer", allows: "see which models there are" },
  "agents.read": { least: "viewer", allows: "see agents, sub-agents, their versions and cards" },
  "resources.read": {
    least: "viewer",
    allows:
      "see prompts, teams, workflows, tools, skills, channels, triggers, engines, targets and packs; try a prompt, plan a pack",
  },
  "knowledge.read": { least: "viewer", allows: "see and search collections; see their jobs" },
  "evaluations.read": { least: "viewer", allows: "see data sets and evaluations" },
  "runs.read": { least: "viewer", allows: "see runs, their events, trees, pictures and answers" },
  "conversations.read": { least: "viewer", allows: "see and search conversations" },
  "memories.read": { least: "viewer", allows: "see what is remembered of users" },
  "approvals.read": { least: "viewer", allows: "see what waits for a decision" },
  "runs.start": {
    least: "operator",
    allows: "ask agents, teams and workflows by every protocol; start evaluations; embed texts",
  },
  "runs.control": {
    least: "operator",
    allows: "cancel runs, evaluations and jobs, pause and resume jobs, tell runs events",
  },
  "approvals.decide": { least: "operator", allows: "approve or reject what waits for a decision" },
  "runtime.read": { least: "operator", allows: "look at the tenant's actors, waits, dead letters" },
  "agents.write": { least: "developer", allows: "make, change and remove agents" },
  "resources.write": {
    least: "developer",
    allows:
      "make, change and remove prompts, teams, workflows, tools, skills, channels, triggers, packs and targets that are asked over HTTP",
  },
  "knowledge.write": { least: "developer", allows: "make, fill, change and remove collections" },
  "evaluations.write": { least: "developer", allows: "change data sets, remove evaluations" },
  "conversations.delete": { least: "developer", allows: "delete conversations" },
  "memories.write": { least: "developer", allows: "change and forget what is remembered" },
  "tokens.manage": {
    least: "operator",
    allows: "see, keep, connect and remove tokens of a user that is named",
  },
  "keys.manage": { least: "admin", allows: "make, change and revoke keys below its own role" },
  "credentials.manage": {
    least: "admin",
    allows: "see and rotate secrets that the tenant signs with; integrations, and tokens of all",
  },
  "guardrails.manage": {
    least: "admin",
    allows: "set the guardrails that hold for all of the tenant",
  },
  "usage.read": { least: "admin", allows: "see what was used and paid" },
  "budgets.manage": { least: "admin", allows: "make, change and remove budgets and alerts" },
  "audit.read": { least: "admin", allows: "see who did what in the tenant" },
  "runs.record": { least: "admin", allows: "read all that a run sent and got" },
  "runtime.repair": {
    least: "admin",
    allows: "replay and remove dead letters, release stopped actors",
  },
  "engines.manage": {
    least: "owner",
    allows:
      "make, change and remove engines, and targets that are the server's machine or reached by ssh, in the first tenant alone",
  },
  "tenant.export": { least: "owner", allows: "export everything that the tenant has" },
  "tenants.manage": { least: "server", allows: "make and list tenants" },
  "credit.add": { least: "server", allows: "add to the balance of a tenant, and take from it" },
  "server.observe": { least: "server", allows: "see the figures of the server and its providers" },
  "server.control": { least: "server", allows: "change the number of its threads" },
  "server.backup": {
    least: "server",
    allows: "write all that is stored into a file, and cancel it",
  },
} as const satisfies Readonly<Record<string, Entry>>;

/** Name of a permission. */
export type Permission = keyof typeof table;

/** The table, for those that show it. */
export const permissions: Readonly<Record<Permission, Entry>> = table;

/** What of a route decides about its permission. */
export interface Permitted {
  readonly method: string;
  readonly service: string;
  /** Named where the rule of its service does not fit. */
  readonly permission?: Permission;
  readonly sideEffects?: boolean;
  readonly isControl?: boolean;
}

interface Area {
  readonly read: Permission;
  readonly write: Permission;
  /** Of routes that stop or decide what is under way. Default `runs.control`. */
  readonly control?: Permission;
}

const area = (read: Permission, write: Permission): Area => ({ read, write });
const resources = area("resources.read", "resources.write");
const agents = area("agents.read", "agents.write");
const asks = area("runs.start", "runs.start");
const conversations = area("conversations.read", "conversations.delete");

/** By service. One that is not here (`admin`) has routes that each name their permission. */
export const areas: ReadonlyMap<string, Area> = new Map(
  Object.entries({
    agents,
    "core-agent-create": agents,
    "core-agents": agents,
    "core-agent-details": agents,
    "core-agent-update": agents,
    "core-agent-delete": agents,
    "core-agent-graph": agents,
    "core-agent-subagents": agents,
    "core-agent-subagent-create": agents,
    "core-agent-subagent-update": agents,
    "core-agent-subagent-delete": agents,
    "core-agent-chat": asks,
    "core-agent-conversations": conversations,
    "core-agent-conversation-details": conversations,
    "core-agent-conversation-delete": conversations,
    conversations,
    route: asks,
    runs: area("runs.read", "runs.start"),
    responses: area("runs.read", "runs.start"),
    ui: area("runs.read", "runs.start"),
    a2a: area("runs.read", "runs.start"),
    "chat-completions": asks,
    messages: asks,
    embeddings: asks,
    mcp: asks,
    models: area("models.read", "models.read"),
    approvals: { ...area("approvals.read", "approvals.decide"), control: "approvals.decide" },
    memories: area("memories.read", "memories.write"),
    knowledge: area("knowledge.read", "knowledge.write"),
    datasets: area("evaluations.read", "evaluations.write"),
    evaluations: area("evaluations.read", "evaluations.write"),
    tokens: area("tokens.manage", "tokens.manage"),
    integrations: area("resources.read", "credentials.manage"),
    guardrails: area("agents.read", "guardrails.manage"),
    webhooks: area("credentials.manage", "credentials.manage"),
    prompts: resources,
    teams: resources,
    workflows: resources,
    tools: resources,
    skills: resources,
    channels: resources,
    triggers: resources,
    engines: area("resources.read", "engines.manage"),
    targets: resources,
    orchestrator: agents,
    packs: resources,
  }),
);

/**
 * The permission that a route asks for: the one it names, else by its service and by whether it reads
 * (GET, or `sideEffects: false`), changes, or controls what is under way.
 * @throws Error when there is none: a mistake of the program, found at the start.
 */
export function permissionOf(route: Permitted): Permission {
  const { method, service, permission, isControl = false } = route;
  if (permission !== undefined) return permission;
  const found = areas.get(service);
  if (found === undefined) {
    throw new Error(`A route of the service "${service}" names no permission.`);
  }
  if (isControl) return found.control ?? "runs.control";
  return (route.sideEffects ?? method !== "GET") ? found.write : found.read;
}

/** Who asks: the server itself, or a role of a tenant. */
export interface Standing {
  /** Has the server's admin key: may do all, in any tenant. */
  readonly isServer: boolean;
  /** Within the tenant; of the server itself `owner`. */
  readonly role: KeyRole;
}

/** Whether the first role is the second or above it. */
export function isAtLeast(role: KeyRole, least: KeyRole): boolean {
  return keyRoles.indexOf(role) <= keyRoles.indexOf(least);
}

/** Whether who asks has a permission. */
export function may({ isServer, role }: Standing, permission: Permission): boolean {
  if (isServer) return true;
  const { least } = permissions[permission];
  return least !== "server" && isAtLeast(role, least);
}

/** Who asks, with the services that its key names. */
export interface Scoped extends Standing {
  /** Names of services, or ["*"] for all. */
  readonly allowedServices: readonly string[];
}

/** Whether who asks may use a service for something. */
export function mayUse(who: Scoped, service: string, permission: Permission): boolean {
  return hasService(who, service) && may(who, permission);
}

/** @throws FORBIDDEN naming the permission or the service that is missing. */
export function demandUse(who: Scoped, service: string, permission: Permission): void {
  demand(who, permission);
  if (hasService(who, service)) return;
  throw new RuntimeError("FORBIDDEN", `The key's allowed_services do not include "${service}".`, {
    service,
  });
}

/** Whether the key of who asks names a service. */
export function hasService(
  { allowedServices }: Pick<Scoped, "allowedServices">,
  service: string,
): boolean {
  return allowedServices.includes("*") || allowedServices.includes(service);
}

/** @throws FORBIDDEN naming the permission and who has it. */
function demand(standing: Standing, permission: Permission): void {
  if (may(standing, permission)) return;
  const { least } = permissions[permission];
  const has =
    least === "server"
      ? "which only the server's admin key has"
      : `which keys have whose role is at least "${least}"; this one is "${standing.role}"`;
  throw new RuntimeError("FORBIDDEN", `This needs the permission "${permission}", ${has}.`, {
    permission,
  });
}
