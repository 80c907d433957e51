// Where master keys come from: the environment, a file or a command that the operator names, or a file
// that the server makes beside the database. Each gives one key a line, in base64; the first is the
// current one, those behind it still open what was wrapped before.

import { execFile } from "node:child_process";
import { constants, open } from "node:fs/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import { readSmall, writeSmall } from "../data-folder.ts";
import { KEY_BYTES, MASTER_KEYS_MAX } from "./master-keys.ts";

/** What the operator has set; null is unset. At most one of them. */
export interface KeySettings {
  /** Of `TROUPE_MASTER_KEY`. */
  readonly masterKey: string | null;
  readonly masterKeyFile: string | null;
  /** Program and arguments; no shell. */
  readonly masterKeyCommand: readonly string[];
  /** The data folder. */
  readonly data: string;
}

/** Where keys come from, as it is shown. */
export type KeyOrigin = "environment" | "file" | "command" | "folder";

/** The keys, and where they come from. */
export interface KeySource {
  readonly origin: KeyOrigin;
  /**
   * The current one first; null where the server has made none yet. @throws CONFIG_INVALID, saying what is
   * wrong and never a key.
   */
  read(): Promise<readonly Buffer[] | null>;
  /** Of the server's own file alone: stores these. */
  write?(keys: readonly Uint8Array[]): Promise<void>;
}

const FILE = "master-key";
const COMMAND_MS = 10_000;
const TEXT_BYTES_MAX = 4_096;
const GROUP_OR_OTHERS = 0o077;

/** The source that the settings name. @throws CONFIG_INVALID when they name several. */
export function keySource(settings: KeySettings): KeySource {
  const { masterKey, masterKeyFile, masterKeyCommand, data } = settings;
  const named = [masterKey !== null, masterKeyFile !== null, masterKeyCommand.length > 0];
  if (named.filter(Boolean).length > 1) {
    throw invalid("Of TROUPE_MASTER_KEY, master_key_file and master_key_command one can be set.");
  }
  if (masterKey !== null) {
    const where = "TROUPE_MASTER_KEY";
    return {
      origin: "environment",
      read: async () => keysIn(masterKey.replaceAll(",", "\n"), where),
    };
  }
  if (masterKeyFile !== null) {
    return {
      origin: "file",
      read: async () => keysIn(await textOf(masterKeyFile), "master_key_file"),
    };
  }
  if (masterKeyCommand.length > 0) {
    const read = async () => keysIn(await outputOf(masterKeyCommand), "master_key_command");
    return { origin: "command", read };
  }
  const write = async (keys: readonly Uint8Array[]): Promise<void> => {
    const lines = keys.map((key) => Buffer.from(key).toString("base64"));
    await writeSmall(data, FILE, `${lines.join("\n")}\n`);
  };
  return {
    origin: "folder",
    write,
    read: async () => {
      const kept = await readSmall(data, FILE);
      return kept === null ? null : keysIn(kept, `the file ${FILE} in the data folder`);
    },
  };
}

/** One key a line. @param where names the source in errors. */
function keysIn(text: string, where: string): readonly Buffer[] {
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "").map((line) => keyIn(line, where));
  if (keys.length >= 1 && keys.length <= MASTER_KEYS_MAX) return keys;
  throw invalid(`${where} has ${keys.length} keys; it must have 1 to ${MASTER_KEYS_MAX}.`);
}

function keyIn(line: string, where: string): Buffer {
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(line);
  const key = isBase64 ? Buffer.from(line, "base64") : Buffer.alloc(0);
  if (key.length === KEY_BYTES) return key;
  throw invalid(
    `${where}: expected ${KEY_BYTES} bytes in base64, as "openssl rand -base64 32" makes.`,
  );
}

/** The file's text, of a file that is its owner's alone. Checked on what is opened, not on the name. */
async function textOf(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOCTTY).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(`master_key_file: it cannot be read (${code ?? "error"}).`, error);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw invalid("master_key_file: it is no file.");
    if (found.size > TEXT_BYTES_MAX) {
      throw invalid(`master_key_file: it has more than ${TEXT_BYTES_MAX} bytes.`);
    }
    if ((found.mode & GROUP_OR_OTHERS) !== 0) {
      const mode = (found.mode & 0o777).toString(8).padStart(4, "0");
      const text = `master_key_file: others than its owner may use it (mode ${mode}); chmod it to 0600.`;
      throw invalid(text);
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** What a command prints. Its errors are not repeated: they may hold the key. */
function outputOf([program = "", ...args]: readonly string[]): Promise<string> {
  const options = {
    timeout: COMMAND_MS,
    maxBuffer: TEXT_BYTES_MAX,
    killSignal: "SIGKILL",
  } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, options, (error, stdout) => {
      if (error === null) return resolve(stdout);
      const { code, killed } = error;
      const isTooMuch = String(code) === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER";
      const why =
        killed || isTooMuch
          ? `it printed more than ${TEXT_BYTES_MAX} bytes or took longer than ${COMMAND_MS} ms`
          : `it ended with ${String(code)}`;
      reject(invalid(`master_key_command: ${why}.`));
    });
    child.stdin?.end();
  });
}

function invalid(text: string, cause?: unknown): RuntimeError {
  return new RuntimeError("CONFIG_INVALID", text, undefined, { cause });
}
