// `troupe mcp`: MCP on standard input and output, for clients that start their servers as programs.

import { once } from "node:events";
import { parseArgs } from "node:util";
import { loadClientConfig, loadConfig } from "../config.ts";
import { pipe } from "./mcp-pipe.ts";
import { serverUrl } from "./server-url.ts";

/** Speaks until its input ends. Nothing but messages is written to standard output. */
export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { url: { type: "string" } } });
  const { url, key } = loadClientConfig();
  if (key === null) {
    console.error("troupe mcp: set TROUPE_KEY to a key with the service mcp.");
    return 1;
  }
  const config = await loadConfig();
  process.stdin.setEncoding("utf8");
  try {
    await pipe({
      url: (values.url ?? url ?? serverUrl(config)).replace(/\/$/, ""),
      key,
      input: process.stdin,
      write: async (line) => {
        if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
      },
    });
    return 0;
  } catch (error) {
    console.error(`troupe mcp: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
