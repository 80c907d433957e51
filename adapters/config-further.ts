// `settings.json`: further settings with less weight than `troupe.yaml` and the variables. Part of config.ts.

import { readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Fields } from "./config-field.ts";
import type { FileReading, RawValues } from "./config-file.ts";

/** Its name. */
export const FURTHER_FILE = "settings.json";

const nothing: FileReading = { values: {}, problems: [] };

/** Where it would lie. */
interface FurtherPlace {
  /** Path of the configuration file, if there is one: it lies beside it. */
  readonly file: string | null;
  /** Folder of agents that a variable names: else it lies there. */
  readonly agents: string | undefined;
  readonly folder: string;
}

/**
 * Reads it, if it is there. Channels stand in `troupe.yaml` alone, which is read again while the server runs.
 * @param bytesMax more is a problem.
 */
export async function readFurther(
  { file, agents, folder }: FurtherPlace,
  { channels: _, ...fields }: Fields,
  env: Readonly<Record<string, string | undefined>>,
  bytesMax: number,
): Promise<FileReading> {
  const beside = file === null ? agents && resolve(folder, agents) : dirname(file);
  if (!beside) return nothing;
  const path = join(beside, FURTHER_FILE);
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) return nothing;
  if (found.size > bytesMax) {
    const said = `${FURTHER_FILE}: has ${found.size} bytes, the limit is ${bytesMax}`;
    return { values: {}, problems: [said] };
  }
  const { readConfigFile } = await import("./config-file.ts");
  const text = readFileSync(path, "utf8");
  // JSON is read as the YAML that it is, which knows where things stand; what is YAML alone is refused.
  const reading = await readConfigFile(FURTHER_FILE, text, fields, env);
  const fault = faultOf(text);
  const problems =
    fault === null || reading.problems.length > 0
      ? reading.problems
      : [`${FURTHER_FILE}: is not JSON: ${fault}`];
  return { values: reading.values, problems };
}

function faultOf(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Settings of both, those of `more` where both say one; a list is taken whole. */
export function withLess(more: RawValues, less: RawValues, fields: Fields): RawValues {
  const values: RawValues = { ...less, ...more };
  for (const [name, field] of Object.entries(fields)) {
    if (field.type !== "group" || more[name] === undefined || less[name] === undefined) continue;
    values[name] = withLess(more[name] as RawValues, less[name] as RawValues, field.fields);
  }
  return values;
}
