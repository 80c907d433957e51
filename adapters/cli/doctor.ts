// `troupe doctor`: looks for what is wrong around a server, running or not, and says how to put it right.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ownerOf } from "../../runtime/store/folder.ts";
import { type Config, loadClientConfig, loadConfig } from "../config.ts";
import { readSmall } from "../data-folder.ts";
import { type Patient, wordsOf } from "../doctor/check.ts";
import { checks } from "../doctor/checks.ts";
import { type Examined, examine } from "../doctor/examine.ts";
import { createApiClient } from "./api-client.ts";
import { serverUrl } from "./server-url.ts";

const options = {
  data: { type: "string" },
  url: { type: "string" },
  key: { type: "string" },
  json: { type: "boolean" },
} as const;

/** Where the data is when the settings cannot be read. */
const DATA = "data";
const signs = { ok: "ok     ", warning: "warning", error: "ERROR  " } as const;

/** Exit code 1 when anything is an error. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    const found = await examine(checks, await patientOf(values));
    const isIll = found.some(({ level }) => level === "error");
    if (values.json === true) console.log(JSON.stringify({ ok: !isIll, findings: found }, null, 2));
    else for (const line of found.flatMap(linesOf)) console.log(line);
    return isIll ? 1 : 0;
  } catch (error) {
    console.error(`troupe doctor: ${wordsOf(error)}`);
    return 1;
  }
}

function linesOf({ check, level, what, fix }: Examined): readonly string[] {
  return [`${signs[level]}  ${check}: ${what}`, ...(fix === null ? [] : [`         -> ${fix}`])];
}

interface Values {
  readonly data?: string;
  readonly url?: string;
  readonly key?: string;
}

async function patientOf(values: Values): Promise<Patient> {
  let config: Config | null = null;
  let configError: unknown = null;
  try {
    config = await loadConfig();
  } catch (error) {
    configError = error;
  }
  const data = values.data === undefined ? (config?.data ?? resolve(DATA)) : resolve(values.data);
  const owner = ownerOf(data)?.pid ?? null;
  const ask = owner === null && values.url === undefined ? null : await askOf(values, config, data);
  return { config, configError, data, owner, ask };
}

/** Null when nobody answers there, or there is no key to ask with. */
async function askOf(values: Values, config: Config | null, data: string): Promise<Patient["ask"]> {
  const fromEnv = loadClientConfig();
  const own = config === null ? undefined : serverUrl(config);
  const url = (values.url ?? fromEnv.url ?? own)?.replace(/\/$/, "");
  const kept = await readSmall(data, "admin-key").catch(() => null);
  const key = values.key ?? fromEnv.key ?? config?.adminKey ?? kept?.trim();
  if (url === undefined || !key) return null;
  const isThere = await fetch(`${url}/health`, { signal: AbortSignal.timeout(5_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isThere) return null;
  const api = createApiClient({ url, key, tenant: undefined });
  return (path, { body, tenant } = {}) =>
    api.call(path, body, undefined, tenant === undefined ? {} : { "X-Tenant": tenant });
}
