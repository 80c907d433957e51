// The operator's folder of scripts: read at the start and again when a file changes, on main. A file that is broken
// leaves its last good version in place, and is told once with its line and column.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemTenant } from "../../actors/records/api-key.ts";
import {
  type ReadScript,
  readScriptTask,
  type ScriptFile,
  type Scripts,
  scriptLimits,
} from "../../actors/tools/script-run.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { Compute } from "../../runtime/threads/compute-port.ts";
import { lookAgain } from "../file-looks.ts";
import type { SentScript } from "./read-script.ts";

/** `invoice-total.ts`; files of other forms, and types alone, are no scripts. */
const SCRIPT = /^([a-zA-Z0-9_-]{1,64})\.m?[jt]s$/;
/** One file, waiting for a thread included, ms. */
const READ_MS = 60_000;

/** What it works with. */
export interface ScriptFolderOptions {
  readonly folder: string;
  /** Ids, or "*" for all. */
  readonly tenants: readonly string[];
  readonly compute: Compute;
  readonly log: Log;
}

/** The scripts, and what keeps them. */
export interface ScriptFolder extends Scripts {
  /** Looks once; does not throw. */
  look(): Promise<void>;
  end(): void;
}

/** Begins to look. */
export function keepScripts(options: ScriptFolderOptions): ScriptFolder {
  const kept = new KeptScripts(options);
  const first = kept.look();
  const end = lookAgain(
    () => kept.look(),
    () => kept.tellAgain(),
  );
  const { tenants } = options;
  return {
    look: () => kept.look(),
    end,
    find: async ({ tenant, name }) => {
      if (!tenants.includes("*") && !tenants.includes(tenant)) return null;
      await first;
      return kept.find(name);
    },
  };
}

interface Kept {
  readonly file: string;
  /** Changes with the file. */
  readonly mark: string;
  /** The last good version; null: there was none. */
  readonly script: ScriptFile | null;
}

class KeptScripts {
  readonly #options: ScriptFolderOptions;
  #scripts: ReadonlyMap<string, Kept> = new Map();
  #complaint = "";

  constructor(options: ScriptFolderOptions) {
    this.#options = options;
  }

  find(name: string): ScriptFile | null {
    return this.#scripts.get(name)?.script ?? null;
  }

  tellAgain(): void {
    this.#complaint = "";
  }

  async look(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      const files = await this.#files();
      const next = new Map<string, Kept>();
      for (const [name, file] of files) next.set(name, await this.#read(name, file));
      for (const name of this.#scripts.keys()) {
        if (!next.has(name)) log.write("warn", "A script is gone from the folder.", { name });
      }
      this.#scripts = next;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#complain(why, "The folder of scripts cannot be read; what was read stays.", {
        folder,
        why,
      });
    }
  }

  /** Files by the names of their tools. */
  async #files(): Promise<ReadonlyMap<string, string>> {
    const { folder } = this.#options;
    const files = new Map<string, string>();
    const wrong: string[] = [];
    for (const file of (await readdir(folder)).sort()) {
      const [, name] = SCRIPT.exec(file) ?? [];
      if (name === undefined) continue;
      if (files.has(name)) wrong.push(`${file}: there is ${files.get(name)} already`);
      else if (files.size === scriptLimits.files) {
        wrong.push(`${file}: a folder has at most ${scriptLimits.files}`);
      } else files.set(name, file);
    }
    if (wrong.length === 0) return files;
    const problem = wrong.slice(0, 10).join("; ");
    this.#complain(problem, "Files of the folder of scripts are left out.", { problem });
    return files;
  }

  async #read(name: string, file: string): Promise<Kept> {
    const { folder, log } = this.#options;
    const before = this.#scripts.get(name);
    const path = join(folder, file);
    const { size, mtimeMs, ctimeMs, ino } = await stat(path);
    const mark = [file, size, mtimeMs, ctimeMs, ino].join(" ");
    if (before?.mark === mark) return before;
    const read = await this.#readFile(path, { file, size });
    if (read.ok) {
      const { ok: _, ...script } = read;
      log.write("info", "A script of the folder is a tool.", { tool: `custom.${name}`, file });
      return { file, mark, script };
    }
    const { ok: _, ...told } = read;
    const script = before?.script ?? null;
    const what = script === null ? "there is no good version" : "its last good version stays";
    log.write("error", `A script of the folder is broken; ${what}.`, { file: path, ...told });
    return { file, mark, script };
  }

  /** @throws what has nothing to do with the file: it is read again. */
  async #readFile(
    path: string,
    { file, size }: { readonly file: string; readonly size: number },
  ): Promise<ReadScript> {
    const { fileChars, timeoutMs, threadMs } = scriptLimits;
    if (size > fileChars) {
      return { ok: false, problem: `It has ${size} bytes; a script has at most ${fileChars}.` };
    }
    const input: SentScript = { text: await readFile(path, "utf8"), file };
    const options = { tenant: systemTenant, timeoutMs: READ_MS, runMs: timeoutMs + threadMs };
    try {
      return (await this.#options.compute.run(readScriptTask, input, options)) as ReadScript;
    } catch (error) {
      const isItsOwn = error instanceof RuntimeError && error.details?.["phase"] === "running";
      if (!isItsOwn) throw error;
      return { ok: false, problem: `It takes longer than ${timeoutMs} ms to be read.` };
    }
  }

  /** Once, until something else is wrong. */
  #complain(problem: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (problem !== this.#complaint) this.#options.log.write("error", message, fields);
    this.#complaint = problem;
  }
}
