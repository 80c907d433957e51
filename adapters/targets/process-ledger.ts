// Processes that this server has started on its own machine, written down while they run: a server that was killed
// could not end them, and its next start does. Each has a token in its environment, by which what it has started is
// known as well where the system tells environments (Linux), and its process group.

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** Variable with the token. */
export const TOKEN_NAME = "TROUPE_PROCESS";
/** Folder below the data folder. */
const FOLDER = "processes";
/** Processes of the machine whose environment is read at once. */
const READ_AT_ONCE = 32;
/** It is looked so often, with such pauses, whether those that were ended are gone, ms. */
const LOOKS_MAX = 100;
const LOOK_MS = 5;

/** The ledger of a data folder. */
export interface ProcessLedger {
  /** Before one is started. @returns the token that its environment must have. */
  begin(): Promise<string>;
  /** It has ended: ends what it has left, unless it leaves nothing (`isAlone`), and strikes it out. */
  end(token: string, pid: number | undefined, isAlone?: boolean): Promise<void>;
  /** Ends what servers before this one have left. @returns how many processes. */
  sweep(): Promise<number>;
}

/** Tokens of processes of this server, whoever has started them: what is swept is others'. */
const own = new Set<string>();

/** @param data the data folder. */
export function processLedger(data: string): ProcessLedger {
  const folder = join(data, FOLDER);
  let made: Promise<unknown> | undefined;
  const ready = (): Promise<unknown> => {
    made ??= mkdir(folder, { recursive: true, mode: 0o700 });
    return made;
  };
  const strike = async (token: string): Promise<void> => {
    own.delete(token);
    await rm(join(folder, token), { force: true });
  };
  return {
    begin: async () => {
      await ready();
      const token = randomBytes(16).toString("hex");
      own.add(token);
      await writeFile(join(folder, token), "", { mode: 0o600 });
      return token;
    },
    end: async (token, pid, isAlone = false) => {
      if (pid !== undefined) killGroup(pid);
      if (!isAlone) await killMarked(new Set([token]));
      await strike(token);
    },
    sweep: async () => {
      await ready();
      const left = (await readdir(folder)).filter((token) => !own.has(token));
      if (left.length === 0) return 0;
      const killed = await killMarked(new Set(left));
      await Promise.all(left.map(strike));
      return killed;
    },
  };
}

/** Ends a process group at once. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

/** Ends processes whose environment has one of the tokens, until there are none. @returns how many. */
async function killMarked(tokens: ReadonlySet<string>): Promise<number> {
  const killed = new Set<number>();
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const found = await markedPids(tokens);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      killOne(pid);
    }
    await setTimeout(LOOK_MS);
  }
  return killed.size;
}

function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Empty where the system does not tell. */
async function markedPids(tokens: ReadonlySet<string>): Promise<readonly number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (let at = 0; at < pids.length; at += READ_AT_ONCE) {
    const some = pids.slice(at, at + READ_AT_ONCE);
    const marks = await Promise.all(some.map(markOf));
    for (const [index, mark] of marks.entries()) {
      const pid = some[index];
      if (mark !== null && pid !== undefined && tokens.has(mark)) found.push(pid);
    }
  }
  return found;
}

async function markOf(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/environ`, "latin1");
    const mark = text.split("\0").find((one) => one.startsWith(`${TOKEN_NAME}=`));
    return mark?.slice(TOKEN_NAME.length + 1) ?? null;
  } catch {
    // Another user's, or it has ended.
    return null;
  }
}
