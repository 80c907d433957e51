// Keeps the channels of a troupe.yaml: once the server is prepared, when the file changes, and at SIGHUP. What is
// wrong is told once, and tried again: the agent of a channel may come later.

import { readFile } from "node:fs/promises";
import type { Log } from "../../runtime/log.ts";
import { CONFIG_FILE, secretEnvironment } from "../config.ts";
import type { NamedEntries } from "../config-field.ts";
import { readConfigFile } from "../config-file.ts";
import { configFields } from "../config-schema.ts";
import { lookAgain } from "../file-looks.ts";
import { applyConfigured, type ConfiguredParts } from "./configured.ts";

/** What it works with. */
export interface ConfiguredKeeping extends ConfiguredParts {
  /** The file; null: there is none any more. */
  readonly file: string | null;
  readonly channels: NamedEntries;
  /** The file has changed since `channels` were read from it. Default false. */
  readonly hasChanged?: boolean;
  readonly log: Log;
}

/** Begins. @returns what ends it. */
export async function keepConfigured(options: ConfiguredKeeping): Promise<() => void> {
  const { file, log } = options;
  let { channels } = options;
  const isUnread = file === null || options.hasChanged === true;
  let text = isUnread ? "" : await readFile(file, "utf8").catch(() => "");
  let complaint = "";
  let isApplied = false;
  const tell = (said: string): void => {
    if (said !== "" && said !== complaint) log.write("error", said);
    complaint = said;
  };
  const renew = async (path: string): Promise<boolean> => {
    const now = await readFile(path, "utf8");
    if (now === text) return false;
    const { values, problems } = await readConfigFile(
      CONFIG_FILE,
      now,
      configFields,
      secretEnvironment(),
    );
    if (problems.length > 0) {
      tell(`Channels stay as they were, the file cannot hold: ${problems.join("; ")}`);
      return true;
    }
    [text, channels, isApplied] = [now, (values["channels"] ?? {}) as NamedEntries, false];
    return false;
  };
  const look = async (): Promise<void> => {
    try {
      if (file !== null && (await renew(file))) return;
      if (isApplied) return tell("");
      const problems = await applyConfigured(options, channels);
      isApplied = problems.length === 0;
      tell(isApplied ? "" : `Channels are not as the file says. ${problems.join("; ")}`);
    } catch (error) {
      const err = error instanceof Error ? error.message : String(error);
      tell(`Channels of the file could not be looked at: ${err}`);
    }
  };
  await look();
  return lookAgain(look, () => {
    complaint = "";
  });
}
