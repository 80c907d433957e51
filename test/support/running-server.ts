// Starts the real server as a process of its own, on a temporary data folder and a free port, and
// reads what it prints.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
// A test or a bench that fails before it ends its servers leaves none behind.
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const { pid } of alive) killGroup(pid);
});

const START_MS = 30_000;
const STOP_MS = 30_000;

/** A server process. */
export interface RunningServer {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything printed on standard output so far. */
  output(): string;
  errors(): string;
  /** Resolves with the output when it matches. @throws when it does not within 30 s. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends SIGTERM; resolves with the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Kills what is left of it and of its children; for the end of a test. */
  end(): Promise<void>;
}

/** How it is started: `npm start`, the command, or the program itself, which starts faster. */
export type Launcher = "npm" | "command" | "node";

/** Where and how it runs. */
export interface SpawnOptions {
  readonly launcher?: Launcher;
  readonly cwd?: string;
  /** A module that every thread of it loads first; it can be sent messages. */
  readonly preload?: URL;
}

/** Spawns a server without waiting for it. */
export function spawnServer(
  env: Readonly<Record<string, string>>,
  options: SpawnOptions = {},
): Omit<RunningServer, "url"> {
  const { launcher = "node", cwd = root, preload } = options;
  const more = preload === undefined ? {} : { NODE_OPTIONS: `--import=${preload.href}` };
  const launchers: Readonly<Record<Launcher, readonly [string, readonly string[]]>> = {
    npm: ["npm", ["start"]],
    command: [process.execPath, [`${root}adapters/cli/troupe.js`, "start"]],
    node: [process.execPath, [`${root}dist/adapters/main.js`]],
  };
  const [command, args] = launchers[launcher];
  const child = spawn(command, args, {
    cwd,
    env: { ...withoutSettings(process.env), TROUPE_PORT: "0", ...more, ...env },
    stdio: ["ignore", "pipe", "pipe", ...(preload === undefined ? [] : ["ipc" as const])],
    // A process group of its own: npm's children can be ended with it.
    detached: true,
  });
  alive.add(child);
  let output = "";
  let errors = "";
  const changed = new Set<() => void>();
  const note = (): void => {
    for (const call of changed) call();
  };
  child.stdout?.on("data", (bytes) => {
    output += String(bytes);
    note();
  });
  child.stderr?.on("data", (bytes) => {
    errors += String(bytes);
  });
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      alive.delete(child);
      resolve(code);
      note();
    });
  });
  return {
    process: child,
    output: () => output,
    errors: () => errors,
    printed: (pattern) =>
      waitFor(
        () => pattern.exec(output),
        child,
        changed,
        () => errors,
      ),
    stop: (signal = "SIGTERM") => {
      child.kill(signal);
      return within(STOP_MS, exited, "The server did not stop.");
    },
    end: async () => {
      killGroup(child.pid);
      await within(STOP_MS, exited, "The server could not be killed.");
    },
  };
}

/** Starts a server and waits until it listens. */
export async function startServer(
  env: Readonly<Record<string, string>>,
  options: SpawnOptions = {},
): Promise<RunningServer> {
  const server = spawnServer(env, options);
  const [, url = ""] = await server.printed(/listens on (https?:\S+)/);
  return { ...server, url };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left, which is what was wanted.
  }
}

/** The tests' own settings must not reach the server. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSetting = /^(TROUPE_|OPENAI_|ANTHROPIC_)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isSetting.test(name)));
}

function waitFor<T>(
  look: () => T | null,
  child: ChildProcess,
  changed: Set<() => void>,
  errors: () => string,
): Promise<T> {
  const found = new Promise<T>((resolve, reject) => {
    const check = (): void => {
      const value = look();
      if (value !== null) {
        changed.delete(check);
        resolve(value);
      } else if (child.exitCode !== null) {
        reject(new Error(`The server ended with ${child.exitCode}: ${errors()}`));
      }
    };
    changed.add(check);
    check();
  });
  return within(START_MS, found, "The server did not print what was waited for.");
}

async function within<T>(ms: number, promise: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
