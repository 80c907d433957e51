// All that the audit tells beside what routes and tables are told by (http/audit-page.ts puts them together):
// when each has a row, and what the facts in its `details` are.

/** An act, or several that are told alike. */
export interface AuditAction {
  readonly told: string;
  /** What stands in `details`, by name. Default: nothing. */
  readonly details?: Readonly<Record<string, string>>;
}

const finding = {
  rule: "name of the rule",
  check: "its check",
  on: "the place that it looks at",
  at: "tool, node or part of the answer, or null",
  count: "places that it found",
  more: "so many more of the kind within a minute",
  others: "true: `more` are of kinds beyond 1,000",
} as const;
const refusal = {
  code: "code of the error",
  service: "service that was asked for",
  method: "of the request",
  more: finding.more,
  others: finding.others,
} as const;
const backup = {
  path: "the file",
  with_keys: "whether keys are in it",
  started_at: "when it began",
  rows: "rows that were written",
  bytes: "bytes that were written",
  code: "why it failed",
} as const;
const token = {
  integration: "its integration",
  user: "whose it is, null: the tenant's",
  status: "its state after the act",
} as const;
const connection = {
  integration: token.integration,
  user: token.user,
  came: "user who came back instead",
} as const;
const decision = {
  tool: "tool or rule that it is about",
  status: "state after the decision",
  edited: "whether arguments were changed",
  required: "how many have to agree, where several",
  approvals: "how many have agreed",
  rule: "the rule that decided by itself",
} as const;

/** By action. */
export const auditActions: Readonly<Record<string, AuditAction>> = {
  "request.refuse": {
    told: "a request is refused: no key or a wrong one, no permission or scope (401, 403), no money (402), a rate or another limit of the tenant (409, 429), an address that the server does not ask (502)",
    details: refusal,
  },
  "channel.removed": {
    told: "what a removed channel has left begins to go: its sessions, people and deliveries",
    details: {
      unsent: "deliveries that had not been sent, and are not any more",
      first: "ids of the first of them",
    },
  },
  "budget.refuse": {
    told: "a budget does not hold a call of a model, or what a request costs",
    details: { ...refusal, call: "the call of the run", limit_micros: "the limit, in millionths" },
  },
  "budget.pause": {
    told: "a run waits until a budget is raised",
    details: { call: "the call of the run", limit_micros: "the limit, in millionths" },
  },
  "budget.overrun": {
    told: "a provider counted more than was reserved",
    details: {
      call: "the call of the run",
      reserved_micros: "what was reserved, in millionths",
      settled_micros: "what it cost",
    },
  },
  "budget.lost": {
    told: "after a loss of power, what may have been spent counts as spent",
    details: { lost_micros: "in millionths" },
  },
  "budget.create": { told: "a budget is made" },
  "budget.update": { told: "a budget is changed" },
  "budget.raise": { told: "a budget may spend more" },
  "budget.lower": { told: "a budget may spend less" },
  "budget.delete": { told: "a budget is removed" },
  "alert.fired": {
    told: "a threshold was reached",
    details: {
      "*": "what the webhook is told: scope, subject, threshold, used, limit, day or month",
    },
  },
  "alert.undelivered": {
    told: "the webhook of an alert did not take it",
    details: { code: "code of the error", message: "what it says" },
  },
  "guardrail.block": { told: "a rule blocked a message, an answer or a call", details: finding },
  "guardrail.redact": { told: "a rule took something out", details: finding },
  "guardrail.flag": { told: "a rule found something and let it stand", details: finding },
  "guardrail.ask": { told: "a rule has a person asked", details: finding },
  "guardrail.more": {
    told: "findings of a run beyond 100",
    details: { run: "the run", more: "how many" },
  },
  "guardrails.reload": { told: "the operator's chain is another one" },
  "agent.file": {
    told: "a file of the operator's folder of agents is another one, or gone",
    details: { file: "its name", tenant: "whose agent it is" },
  },
  "script.change": {
    told: "a file of the operator's folder of scripts is new, another one or gone",
    details: { problem: "why it is no script; its last good version stays" },
  },
  "approval.approve": { told: "somebody, or a rule, approved", details: decision },
  "approval.reject": { told: "somebody, or a rule, declined", details: decision },
  "tool.call": {
    told: "a run called a tool; also one that was refused, with its code",
    details: {
      run: "the run",
      step: "its step",
      arguments_sha256: "SHA-256 of the arguments",
      code: "why it failed, or null",
      more: "calls of a run beyond 200",
    },
  },
  "tool.changed": {
    told: "a server says something else of one of its tools than when it was first offered",
    details: {
      tool: "the server's name of it",
      before_sha256: "SHA-256 of what it said",
      after_sha256: "SHA-256 of what it says",
    },
  },
  "token.use": {
    told: "a run sent a token of another service",
    details: { tool: "the tool", host: "where it was sent", user: token.user },
  },
  "token.create": { told: "a token is kept", details: token },
  "token.update": { told: "a token is changed", details: token },
  "token.delete": { told: "a token is removed", details: token },
  "token.connect": { told: "a person has connected an account", details: token },
  "token.connect-refused": {
    told: "a person declined, or another one came back",
    details: connection,
  },
  "token.connect-expired": {
    told: "an account that no application has confirmed was given back",
    details: {
      integration: token.integration,
      user: token.user,
      given_back: "whether the other service took it",
    },
  },
  "key.delete": { told: "a key goes with its tenant", details: { tenant: "whose it was" } },
  "session.open": { told: "somebody signed in with a browser" },
  "vault.rotated": {
    told: "all secrets are wrapped by the new master key",
    details: {
      key: "the new one's id",
      before: "the old one's",
      rows: "secrets that were looked at",
      changed: "of them wrapped anew",
      unreadable: "of them that no key opens",
    },
  },
  "tls.reload": {
    told: "a new certificate is served",
    details: { subject: "names that it is for", not_after: "its end" },
  },
  "settings.change": { told: "the server was started with other settings" },
  "server.start": {
    told: "the server was started",
    details: {
      version: "of the server",
      boots: "starts of the data folder",
      node: "version of Node",
      settings: "SHA-256 of the settings",
    },
  },
  "server.stop": { told: "the server was told to stop" },
  "backup.completed": { told: "a backup is whole", details: backup },
  "backup.failed": { told: "a backup failed", details: backup },
  "backup.cancelled": { told: "a backup was cancelled", details: backup },
  "backup.restore": {
    told: "the first start on a restored folder",
    details: { restored_at: "when", file: "of which backup", copy: "whether it is a copy beside" },
  },
};
