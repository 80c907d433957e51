// The port: free before a start, and answering after it.

import type { Config } from "../config.ts";
import { listenOnNode } from "../http/listen-node.ts";
import { type Check, error, type Finding, ok } from "./check.ts";

export const portCheck: Check = {
  name: "port",
  run: async ({ config, owner, ask }) => {
    if (config === null) return [];
    const { host, port } = config;
    const place = `${host}:${port}`;
    if (owner !== null) {
      if (port === 0)
        return [ok("The server took a free port: its address is what it has printed.")];
      if (ask !== null) return [ok(`The server answers at ${place}.`)];
      const fix =
        "Name its address with --url; when it hangs there too, read its log and start it again.";
      return [
        error(`Process ${owner} has the data folder open and does not answer at ${place}.`, fix),
      ];
    }
    if (port === 0) return [ok("A start takes a free port.")];
    return [await listenable(config)];
  },
};

async function listenable(config: Config): Promise<Finding> {
  const { host, port, http: limits } = config;
  const place = `${host}:${port}`;
  const nobody = { status: 503, body: "" } as const;
  const door = { handle: () => nobody, upgrade: () => nobody };
  try {
    const server = await listenOnNode({ host, port, limits, door });
    await server.close();
    return ok(`${place} is free.`);
  } catch (thrown) {
    const code = codeOf(thrown);
    return error(`${place} cannot be listened on (${code}).`, fixOf(code, port));
  }
}

/** What the system says, under the words of the refusal. */
function codeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : String(thrown);
}

function fixOf(code: string, port: number): string {
  if (code === "EADDRINUSE") {
    return `Stop the program that listens there (ss -ltnp 'sport = :${port}'), or set TROUPE_PORT.`;
  }
  if (code === "EACCES") {
    return "Ports below 1024 need a right: setcap, a proxy in front, or another TROUPE_PORT.";
  }
  return "This machine has no such address; set TROUPE_HOST.";
}
