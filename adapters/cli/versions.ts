// `troupe versions AGENT`: the kept versions of an agent of a running server; goes back to one, or
// lets one answer a share of the conversations, promotes it or ends that.

import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { type ApiClient, openApi } from "./api-client.ts";

const options = {
  rollback: { type: "string" },
  canary: { type: "string" },
  share: { type: "string" },
  promote: { type: "boolean" },
  abort: { type: "boolean" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Versions shown, the newest. */
const SHOWN = 20;

interface Version {
  readonly version: number;
  readonly created_at: string;
  readonly reason: string;
  readonly restored_from: number | null;
  readonly is_current: boolean;
  readonly canary_share: number | null;
}

/** Lists, after the change that was asked for. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    const [agent, ...more] = parsed.positionals;
    if (agent === undefined || more.length > 0) {
      throw new RuntimeError("INVALID", "name one agent: troupe versions ag_...");
    }
    const api = await openApi(parsed.values, await loadConfig());
    const path = `/v2/agents/${encodeURIComponent(agent)}`;
    await api.findTenant(path);
    await change(api, path, parsed.values);
    const { data } = (await api.call(`${path}/versions?limit=${SHOWN}`)) as {
      readonly data: readonly Version[];
    };
    console.log(data.map(line).join("\n"));
    return 0;
  } catch (error) {
    console.error(`troupe versions: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function change(
  api: ApiClient,
  path: string,
  wanted: {
    readonly rollback?: string;
    readonly canary?: string;
    readonly share?: string;
    readonly promote?: boolean;
    readonly abort?: boolean;
  },
): Promise<void> {
  const { rollback, canary, share, promote, abort } = wanted;
  if (rollback !== undefined) {
    await api.call(`${path}/versions/${encodeURIComponent(rollback)}/rollback`, undefined, "POST");
  } else if (canary !== undefined) {
    const body = { version: Number(canary), share: Number(share ?? "0.1") };
    await api.call(`${path}/canary`, body, "PUT");
  } else if (promote) await api.call(`${path}/canary/promote`, undefined, "POST");
  else if (abort) await api.call(`${path}/canary`, undefined, "DELETE");
}

function line(one: Version): string {
  const notes = [
    one.restored_from === null ? one.reason : `restored from ${one.restored_from}`,
    ...(one.is_current ? ["current"] : []),
    ...(one.canary_share === null ? [] : [`canary of ${one.canary_share * 100} %`]),
  ];
  return `${String(one.version).padStart(6)}  ${one.created_at}  ${notes.join(", ")}`;
}
