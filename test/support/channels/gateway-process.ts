// `troupe gateway` as a process of its own, on a folder with a gateway.yaml.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./channel-desk.ts";

const command = fileURLToPath(new URL("../../../../adapters/cli/troupe.js", import.meta.url));
// A test that fails before it ends its processes leaves none behind.
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

const START_MS = 30_000;

/** One that runs. */
export interface GatewayProcess {
  readonly url: string;
  /** Everything it has printed, errors too. */
  output(): string;
  hangup(): void;
  kill(): Promise<void>;
  /** Ends it as an operator does; its exit code. */
  stop(): Promise<number | null>;
}

/** A folder with a file. */
export interface GatewayFolder {
  readonly path: string;
  /** Puts another file in its place. */
  write(yaml: string): Promise<void>;
  remove(): Promise<void>;
}

/** Makes one. */
export async function gatewayFolder(yaml: string): Promise<GatewayFolder> {
  const path = await mkdtemp(join(tmpdir(), "troupe-gateway-"));
  const file = join(path, ".troupe", "gateway.yaml");
  const folder: GatewayFolder = {
    path,
    write: async (text) => {
      await writeFile(`${file}.next`, text);
      await rename(`${file}.next`, file);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
  await mkdir(join(path, ".troupe"));
  await folder.write(yaml);
  return folder;
}

function spawned(args: readonly string[], cwd: string) {
  const settings = /^(TROUPE_|OPENAI_|ANTHROPIC_)/;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !settings.test(name)),
  );
  const child = spawn(process.execPath, [command, "gateway", ...args], {
    ...{ cwd, env, stdio: ["ignore", "pipe", "pipe"] },
  });
  alive.add(child);
  let output = "";
  child.stdout?.on("data", (bytes) => {
    output += String(bytes);
  });
  child.stderr?.on("data", (bytes) => {
    output += String(bytes);
  });
  const exited = once(child, "close").then(([code]) => {
    alive.delete(child);
    return code as number | null;
  });
  return { child, exited, output: () => output };
}

/** Starts one and waits until it listens; on a free port, unless one is named. */
export async function startGateway({ path }: GatewayFolder, port = 0): Promise<GatewayProcess> {
  const { child, exited, output } = spawned(["--cwd", path, "--port", String(port)], tmpdir());
  const listens = /listens on (\S+)/;
  const printed = await until(
    output,
    (text) => listens.test(text) || child.exitCode !== null,
    START_MS,
  );
  const [, url] = listens.exec(printed) ?? [];
  if (url === undefined) throw new Error(`The gateway ended: ${printed}`);
  return {
    url,
    output,
    hangup: () => void child.kill("SIGHUP"),
    kill: async () => {
      child.kill("SIGKILL");
      await exited;
    },
    stop: async () => {
      child.kill("SIGTERM");
      return await exited;
    },
  };
}

/** Has a gateway looked at; what was said, and the exit code. */
export async function doctorOf({ path }: GatewayFolder): Promise<readonly [string, number | null]> {
  const { exited, output } = spawned(["doctor", "--cwd", path], tmpdir());
  const code = await exited;
  return [output(), code];
}
