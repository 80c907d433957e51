// The table of permissions as a page for people (permissions.md): which roles have each, and which one a
// route asks for by the service it belongs to. A test compares the page with the table.

import { keyRoles } from "../../actors/records/api-key.ts";
import { areas, may, permissions } from "./permissions.ts";

const HEAD = `# Who may do what

Made from \`permissions.ts\`; \`test/http/permissions.test.ts\` fails when it is stale, and says how to make it anew.

A key belongs to a tenant and has one of its roles; a role may do all that those to its right may. The **server** is no role of a
tenant: it is who has the admin key of the data folder, stands above all tenants, and names the one to act in as \`X-Tenant\`. No
key of a tenant may do what only the server may, whatever its role. A key also needs the service of the endpoint in its
\`allowed_services\`. What earlier releases called the role \`member\` is \`developer\`, and is still taken.
`;

const RULE = `## Which permission an endpoint asks for

\`/docs\` says it of each endpoint. It is that of its service and of what the endpoint does, unless the route names another one, as
all below \`/admin\` do; a route for which there is none stops the start of the server. \`/ws\` asks as the endpoints that do the same:
\`chat\` for \`runs.start\` of \`core-agent-chat\`, \`subscribe\` and \`resume\` for \`runs.read\`, \`cancel\` for \`runs.control\`, of \`runs\`.
`;

/** The page. */
export function permissionsPage(): string {
  const names = Object.keys(permissions) as (keyof typeof permissions)[];
  const rows = names.map((name) => [
    ...[`\`${name}\``, "yes"],
    ...keyRoles.map((role) => (may({ isServer: false, role }, name) ? "yes" : "")),
    permissions[name].allows,
  ]);
  const services = [...areas].map(([service, { read, write, control = "runs.control" }]) => [
    ...[`\`${service}\``, `\`${read}\``, `\`${write}\``, `\`${control}\``],
  ]);
  return [
    HEAD,
    tableOf(["permission", "server", ...keyRoles, "allows to"], rows),
    RULE,
    tableOf(["service", "reads", "changes", "stops or decides"], services),
  ].join("\n");
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
