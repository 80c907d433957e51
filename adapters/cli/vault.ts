// `troupe vault`: how the master key of stored secrets stands on a running server, and a new one.

import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { openApi } from "./api-client.ts";

const options = {
  url: { type: "string" },
  key: { type: "string" },
  json: { type: "boolean" },
} as const;
/** Between two looks at the progress, ms. */
const LOOK_MS = 500;

interface State {
  readonly source: string;
  readonly current_key: string;
  readonly other_keys: readonly string[];
  readonly state: "running" | "done" | "failed";
  readonly rows: number;
  readonly changed: number;
  readonly unreadable: number;
  readonly error: string | null;
}

/** Rotates, or only shows; waits until everything is wrapped anew. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    const [what = "status", ...more] = parsed.positionals;
    if (!["status", "rotate"].includes(what) || more.length > 0) {
      throw new RuntimeError("INVALID", "troupe vault status, or troupe vault rotate");
    }
    const api = await openApi(parsed.values, await loadConfig());
    const read = async (): Promise<State> => (await api.call("/admin/vault")) as State;
    if (what === "rotate") await api.call("/admin/vault/rotate", undefined, "POST");
    let state = await read();
    while (what === "rotate" && state.state === "running") {
      if (!parsed.values.json) console.log(lineOf(state));
      await pause(LOOK_MS);
      state = await read();
    }
    console.log(parsed.values.json ? JSON.stringify(state) : lineOf(state));
    return state.state === "failed" || state.unreadable > 0 ? 1 : 0;
  } catch (error) {
    console.error(`troupe vault: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function lineOf({ source, current_key, other_keys, state, rows, changed, ...rest }: State): string {
  const others = other_keys.length === 0 ? "" : `, also known ${other_keys.join(", ")}`;
  const bad = rest.unreadable === 0 ? "" : `, ${rest.unreadable} rows cannot be read`;
  const why = rest.error === null ? "" : `: ${rest.error}`;
  return `${state}${why}  key ${current_key} (${source})${others}  ${rows} rows, ${changed} changed${bad}`;
}
