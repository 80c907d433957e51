// All names of acts in the audit as a page for people (../audit/actions.md): those of routes, of tables, and
// of what else is told. A test compares the page with the lists, and rows that are written with both.

import { type AuditAction, auditActions } from "../audit/actions.ts";
import { auditedTables } from "../audit/audited-tables.ts";
import { routeActs } from "./audit-actions.ts";

const HEAD = `# What the audit tells

Made from \`actions.ts\`, \`audited-tables.ts\` and \`../http/audit-actions.ts\`; \`test/http/admin/audit-actions.test.ts\` fails when it is
stale, and says how to make it anew. What each row says, and the chain: [README](README.md).
`;

const ACTS = `## Acts of administrators

Who sets something up, changes it or removes it: with what it was \`before\` and is \`after\`, without secrets. What an actor does for it stands as
\`begun\` before it is asked, and has its outcome after, with the \`code\` of the error where it failed. A row about a key names its \`tenant\`. Of many changes at once
(items of data sets, more than 100 in one batch) there is one row, \`<kind>.change\` or the name of the act, with how many \`rows\` and the \`first\` ids.
`;

const OTHERS = `## What else is told
`;

/** Acts that routes and tables are told by, and which routes those are. */
export function routeActions(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const [route, { action }] of Object.entries(routeActs)) {
    found.set(action, [...(found.get(action) ?? []), route]);
  }
  for (const { kind } of auditedTables.values()) {
    for (const verb of ["create", "update", "delete", "change"]) {
      const action = `${kind}.${verb}`;
      if (!found.has(action)) found.set(action, []);
    }
  }
  return found;
}

/** What stands in the details of an act of an administrator. */
export const actDetails = ["code", "tenant", "rows", "first"] as const;

/** The page. */
export function auditPage(): string {
  const acts = [...routeActions()].sort(([one], [other]) => (one < other ? -1 : 1));
  const rows = acts.map(([action, routes]) => [
    `\`${action}\``,
    routes.length === 0 ? "with another act" : routes.map((route) => `\`${route}\``).join(", "),
  ]);
  const others = Object.entries(auditActions).map(([action, { told, details }]) => [
    ...[`\`${action}\``, told, factsOf(details)],
  ]);
  return [
    HEAD,
    ACTS,
    tableOf(["action", "routes"], rows),
    OTHERS,
    tableOf(["action", "when", "`details`"], others),
  ].join("\n");
}

const factsOf = (details: AuditAction["details"] = {}): string =>
  Object.entries(details)
    .map(([name, what]) => (name === "*" ? what : `\`${name}\`: ${what}`))
    .join("; ");

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
