// The settings of tool servers that are child processes, and the tenants that they are granted to. Part of
// config-schema.ts and config.ts.

import { resolve } from "node:path";
import type { Fields, ValuesOf } from "./config-field.ts";

const texts = (text: string, itemsMax: number, charsMax = 4_000) =>
  ({ type: "texts", text, default: [], itemsMax, charsMax }) as const;

const fields = {
  name: {
    type: "text",
    text: "Name of it in tools (`server`).",
    default: "",
    charsMax: 64,
    pattern: /^[a-z0-9][a-z0-9_-]*$/,
    expected: "lower-case letters, digits, - and _",
  },
  command: {
    type: "text",
    text: "Program that is run, without a shell; looked up in PATH.",
    default: "",
    charsMax: 4_000,
  },
  args: texts("What it is run with.", 100),
  env: texts(
    "Names of variables of the server's own environment that it is given, beside PATH. It gets no others.",
    100,
    256,
  ),
  folder: {
    type: "text",
    text: "Working folder. Default: that of the server.",
    default: null as string | null,
    charsMax: 4_000,
  },
  tenants: texts("Ids of the tenants that may name it (tn_...), or * for all.", 1_000),
} as const satisfies Fields;

/** The list of them. */
export const mcpServersField = {
  type: "entries",
  text: "Tool servers of the Model Context Protocol that are child processes: tools of type `mcp` name them.",
  itemsMax: 50,
  required: ["name", "command", "tenants"],
  fields,
} as const;

/** A configured one, as plain data. It has names of variables, never their values. */
export type McpServerConfig = ValuesOf<typeof fields>;

/** Those of the configuration; what is wrong with them is added to `problems`. */
export function mcpServersOf(
  entries: readonly McpServerConfig[],
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
): readonly McpServerConfig[] {
  const seen = new Set<string>();
  return entries.map((entry) => {
    const { name, tenants } = entry;
    const wrong = (said: string): void => {
      problems.push(`mcp_servers: ${name}: ${said}`);
    };
    if (seen.has(name)) wrong("the name is used twice");
    seen.add(name);
    const odd = tenants.find((one) => one !== "*" && !/^tn_[a-z0-9]{1,61}$/.test(one));
    if (odd !== undefined) wrong(`tenants: "${odd}" is neither the id of a tenant nor *`);
    for (const one of entry.env) {
      const isOwn = one.startsWith("TROUPE_");
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(one)) wrong(`env: "${one}" is no name of a variable`);
      else if (isOwn) wrong(`env: ${one} is the server's own and handed on to nobody`);
      else if (env[one] === undefined) wrong(`env: the environment variable ${one} is not set`);
    }
    const { folder: own } = entry;
    return { ...entry, folder: own === null ? null : resolve(folder, own) };
  });
}
