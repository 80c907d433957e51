// The peers: installed on demand into their own folders, started with the same provider and core as
// our server. One that cannot be installed or started is reported as missing.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cores, type Running, startProcess } from "./processes.ts";
import type { Target } from "./target.ts";

/** Names of the peers, as folders under bench/peers. */
export type PeerName =
  | "relay"
  | "relay-one-call"
  | "relay-parse"
  | "ai-sdk"
  | "openai-agents"
  | "openai-sdk"
  | "langgraph"
  | "dbos"
  | "effect"
  | "mastra"
  | "voltagent"
  | "portkey"
  | "fastify"
  | "erlang"
  | "nact"
  | "xstate"
  | "comedy"
  | "comlink"
  | "piscina";

/** Milliseconds an installation may take. */
const INSTALL_MS = 600_000;

const here = dirname(fileURLToPath(import.meta.url));
/** The project's folder; this file runs from dist/bench/support. */
export const projectFolder: string = join(here, "..", "..", "..");
const peersFolder = join(projectFolder, "bench", "peers");

/** A started peer. */
export interface Peer extends Target {
  readonly running: Running;
}

const missing = new Map<PeerName, string>();

/** Peers that could not be run, and why. */
export const missingPeers: ReadonlyMap<PeerName, string> = missing;

/** Starts a peer, or says in `missingPeers` why not. */
export async function startPeer(
  name: PeerName,
  providerPort: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Peer | undefined> {
  try {
    const folder = folderOf(name);
    install(folder);
    const data = mkdtempSync(join(tmpdir(), `bench-${name}-`));
    const running =
      name === "portkey"
        ? await startPortkey(folder)
        : await startProcess({
            name,
            args: ["server.mjs"],
            cwd: folder,
            core: cores.server,
            env: {
              PEER_PROVIDER: `http://127.0.0.1:${providerPort}/v1`,
              PEER_DATA: data,
              PEER_CALLS: name.startsWith("relay-") ? "1" : "2",
              PEER_PARSE: name === "relay-parse" ? "1" : "0",
              ...env,
            },
          });
    const stop: Running["stop"] = async (signal) => {
      await running.stop(signal);
      rmSync(data, { recursive: true, force: true });
    };
    const target = name === "portkey" ? portkeyTarget(providerPort) : peerTarget;
    return { ...target, name, port: running.port, running: { ...running, stop } };
  } catch (error) {
    reportMissing(name, error);
    return undefined;
  }
}

/** Starts several peers; those that cannot be run are left out. */
export async function startPeers(
  names: readonly PeerName[],
  providerPort: number,
): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const name of names) {
    const peer = await startPeer(name, providerPort);
    if (peer !== undefined) peers.push(peer);
  }
  return peers;
}

/**
 * Installs a peer that is no server and returns its folder; undefined, and a line in
 * `missingPeers`, when it cannot be installed.
 */
export function peerFolder(name: PeerName): string | undefined {
  try {
    const folder = folderOf(name);
    install(folder);
    return folder;
  } catch (error) {
    reportMissing(name, error);
    return undefined;
  }
}

/** Notes that a peer could not be run. */
export function reportMissing(name: PeerName, error: unknown): void {
  missing.set(name, error instanceof Error ? error.message : String(error));
}

/** Versions of a peer's packages as its package.json fixes them. */
export function versionsOf(name: PeerName): Readonly<Record<string, string>> {
  const folder = folderOf(name);
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return dependencies as Record<string, string>;
}

/** The relay's variants are one program. */
function folderOf(name: PeerName): string {
  return join(peersFolder, name.startsWith("relay") ? "relay" : name);
}

// Packages may also be the project's own, when they are the very versions that are asked for.
function install(folder: string): void {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const wanted = Object.entries(dependencies as Record<string, string>);
  const isThere = wanted.every(([name, range]) =>
    [folder, projectFolder].some((place) => {
      const file = join(place, "node_modules", name, "package.json");
      return existsSync(file) && range.endsWith(JSON.parse(readFileSync(file, "utf8")).version);
    }),
  );
  if (isThere) return;
  process.stderr.write(`installing the peer in ${folder} ...\n`);
  // Under `npm run` the project's own settings come as variables: some peers must build what they bring.
  const env = { ...process.env, npm_config_ignore_scripts: "false" };
  const done = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], {
    cwd: folder,
    env,
    timeout: INSTALL_MS,
    encoding: "utf8",
  });
  if (done.status !== 0) throw new Error(`npm install failed: ${done.stderr.slice(-400)}`);
}

const peerTarget = {
  path: "/chat",
  headers: {},
  body: (session: string, message: string, stream: boolean): string =>
    JSON.stringify({ session, message, stream }),
} as const;

// Portkey is a gateway: it relays one call and knows no agents.
function portkeyTarget(providerPort: number): Pick<Target, "path" | "headers" | "body"> {
  return {
    path: "/v1/chat/completions",
    headers: {
      "x-portkey-provider": "openai",
      authorization: "Bearer bench",
      "x-portkey-custom-host": `http://127.0.0.1:${providerPort}/v1`,
    },
    body: (_session, message, stream) =>
      JSON.stringify({
        model: "fake-fast",
        messages: [{ role: "user", content: message }],
        stream,
      }),
  };
}

function startPortkey(folder: string): Promise<Running> {
  const port = 20_000 + (process.pid % 10_000);
  return startProcess({
    name: "portkey",
    args: [
      "node_modules/@portkey-ai/gateway/build/start-server.js",
      `--port=${port}`,
      "--headless",
    ],
    cwd: folder,
    core: cores.server,
    portIn: (output) => (/running at|Ready|port/i.test(output) ? port : undefined),
  });
}
