// Which tables hold what an administrator sets up, and how their rows are told in the audit. Every write of
// main to one of them carries an audit row in its own batch (beside.ts); a table that is not here holds
// what follows from such a row (versions, names, indexes) or what users do (conversations, results).

/** A table whose changes are told. */
export interface AuditedTable {
  /** "agent": its actions are agent.create, agent.update and agent.delete. */
  readonly kind: string;
  /** The fields of a row that are compared. Default: the row itself. */
  fieldsOf?(value: unknown): object;
  /** Rows are told together, one audit row a batch: they are many and small. */
  readonly isMany?: boolean;
  /** A tenant of the system's tables that a row is about. */
  tenantOf?(value: unknown): string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
const recordOf = (value: unknown): object => (value as { readonly record: object }).record;
const tenantOf = (value: unknown): string | undefined => {
  const { tenant } = value as Fields;
  return typeof tenant === "string" ? tenant : undefined;
};

interface StoredAgent {
  readonly agent: object;
  readonly subAgents?: readonly { readonly key: string; readonly version: number }[];
  readonly held?: unknown;
}

/** The tables, by name. */
export const auditedTables: ReadonlyMap<string, AuditedTable> = new Map<string, AuditedTable>([
  [
    "agents",
    {
      kind: "agent",
      fieldsOf: (value) => {
        const { agent, subAgents = [], held = [] } = value as StoredAgent;
        const sub_agents = subAgents.map(({ key, version }) => `${key}@${version}`);
        return { ...agent, sub_agents, held_versions: held };
      },
    },
  ],
  [
    "sub-agents",
    { kind: "sub-agent", fieldsOf: (value) => (value as { subAgent: object }).subAgent },
  ],
  ["prompts", { kind: "prompt", fieldsOf: recordOf }],
  ["teams", { kind: "team", fieldsOf: recordOf }],
  ["workflows", { kind: "workflow", fieldsOf: recordOf }],
  ["tools", { kind: "tool", fieldsOf: recordOf }],
  ["datasets", { kind: "dataset", fieldsOf: recordOf }],
  ["channels", { kind: "channel", fieldsOf: recordOf }],
  ["engines", { kind: "engine", fieldsOf: recordOf }],
  ["targets", { kind: "target", fieldsOf: recordOf }],
  ["triggers", { kind: "trigger", fieldsOf: recordOf }],
  ["skills", { kind: "skill", fieldsOf: recordOf }],
  ["dataset-items", { kind: "dataset-item", isMany: true }],
  ["collections", { kind: "collection" }],
  ["evaluations", { kind: "evaluation" }],
  ["packs", { kind: "pack" }],
  ["guardrails", { kind: "guardrails" }],
  ["webhook-secrets", { kind: "webhook-secret" }],
  ["a2a-push", { kind: "push-config" }],
  ["integrations", { kind: "integration" }],
  ["api-keys", { kind: "key", tenantOf }],
  ["tenants", { kind: "tenant" }],
]);
