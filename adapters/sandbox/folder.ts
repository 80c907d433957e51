// The operator's folder of scripts: read at the start and again when a file changes, on main. A file that is broken
// leaves its last good version in place, and is told once with its line and column.

import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemTenant } from "../../actors/records/api-key.ts";
import {
  type ReadScript,
  type ReadTool,
  readScriptTask,
  type ScriptFile,
  type Scripts,
  scriptLimits,
} from "../../actors/tools/script-run.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables } from "../../runtime/system.ts";
import type { Compute } from "../../runtime/threads/compute-port.ts";
import { lookAgain } from "../file-looks.ts";
import { ScriptDigests } from "./folder-audit.ts";
import type { SentScript } from "./read-script.ts";

/** `invoice-total.ts`; files of other forms, and types alone, are no scripts. */
const SCRIPT = /^([a-zA-Z0-9_-]{1,64})\.(?:m?[jt]s|py)$/;
/** One file, waiting for a thread included, ms. */
const READ_MS = 60_000;

/** What it works with. */
export interface ScriptFolderOptions {
  readonly folder: string;
  /** Ids, or "*" for all. */
  readonly tenants: readonly string[];
  readonly compute: Compute;
  readonly log: Log;
  /** Of the server's audit. */
  readonly tables: Pick<Tables, "list" | "write">;
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
  /** Changes with the file; "": it is read again whether it does or not. */
  readonly mark: string;
  /** Of its last good version, by the names of its functions, or "". None: there was none. */
  readonly tools: ReadonlyMap<string, ScriptFile>;
}

class KeptScripts {
  readonly #options: ScriptFolderOptions;
  readonly #digests: ScriptDigests;
  #scripts: ReadonlyMap<string, Kept> = new Map();
  #complaint = "";
  /** Files that cannot be read on this machine as it is, with why. */
  readonly #unready = new Map<string, string>();

  constructor(options: ScriptFolderOptions) {
    this.#options = options;
    this.#digests = new ScriptDigests(options.tables);
  }

  find(name: string): ScriptFile | null {
    const [module = "", entry = ""] = name.split(".");
    return this.#scripts.get(module)?.tools.get(entry) ?? null;
  }

  tellAgain(): void {
    this.#complaint = "";
    this.#unready.clear();
  }

  async look(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      const files = await this.#files();
      const next = new Map<string, Kept>();
      for (const [name, file] of files) next.set(name, await this.#read(name, file));
      await this.#digests.keep(new Set([...next.values()].map(({ file }) => file)));
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
    const { read, digest } = await this.#readFile(path, { file, size });
    const problem = read.ok ? null : read.problem;
    if (read.ok || read.isUnready !== true) {
      this.#unready.delete(file);
      await this.#digests.tell(file, digest, problem);
    }
    if (read.ok) {
      const { tools: all, code, language } = read;
      const tools = new Map(
        all.map((one): [string, ScriptFile] => [one.entry ?? "", { code, language, ...one }]),
      );
      const names = all.map((one) => toolName(name, one));
      log.write("info", "A script of the folder is a tool.", { tool: names.join(", "), file });
      return { file, mark, tools };
    }
    const { ok: _, isUnready, ...told } = read;
    const tools = before?.tools ?? new Map();
    const what = tools.size === 0 ? "there is no good version" : "its last good version stays";
    if (isUnready !== true || this.#unready.get(file) !== told.problem) {
      log.write("error", `A script of the folder is broken; ${what}.`, { file: path, ...told });
    }
    if (isUnready === true) this.#unready.set(file, told.problem);
    return { file, mark: isUnready === true ? "" : mark, tools };
  }

  /** @throws what has nothing to do with the file: it is read again. */
  async #readFile(
    path: string,
    { file, size }: { readonly file: string; readonly size: number },
  ): Promise<{ readonly read: ReadScript; readonly digest: string }> {
    const { fileChars, threadMs } = scriptLimits;
    if (size > fileChars) {
      const problem = `It has ${size} bytes; a script has at most ${fileChars}.`;
      return { read: { ok: false, problem }, digest: `${size} bytes` };
    }
    const input: SentScript = { text: await readFile(path, "utf8"), file };
    const digest = createHash("sha256").update(input.text).digest("hex");
    const { timeoutMs, processTimeoutMs } = scriptLimits;
    const mostMs = file.endsWith(".py") ? processTimeoutMs : timeoutMs;
    const options = { tenant: systemTenant, timeoutMs: READ_MS, runMs: mostMs + threadMs };
    try {
      const read = await this.#options.compute.run(readScriptTask, input, options);
      return { read: read as ReadScript, digest };
    } catch (error) {
      const isItsOwn = error instanceof RuntimeError && error.details?.["phase"] === "running";
      if (!isItsOwn) throw error;
      const problem = `It takes longer than ${mostMs} ms to be read.`;
      return { read: { ok: false, problem }, digest };
    }
  }

  /** Once, until something else is wrong. */
  #complain(problem: string, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (problem !== this.#complaint) this.#options.log.write("error", message, fields);
    this.#complaint = problem;
  }
}

function toolName(module: string, { entry }: Pick<ReadTool, "entry">): string {
  return entry === null ? `custom.${module}` : `custom.${module}.${entry}`;
}
