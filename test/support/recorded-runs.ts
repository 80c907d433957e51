// The records of the runs that a simulated system of agents has on its disk, as a replay wants them.

import { joinRecord, recordPage } from "../../actors/run-record.ts";
import { readLog } from "../../runtime/runs/run-log.ts";
import { decodeRun } from "../../runtime/runs/run-row.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { RunRecord } from "../../runtime/testkit/recording.ts";
import { type AgentsHost, tenant } from "./agents-host.ts";

/** The record of every run of the host, oldest first. `version`: with that version of the agent, or of `target`, too. */
export async function recordedRuns(
  { disk }: Pick<AgentsHost, "disk">,
  version?: number,
  target?: string,
): Promise<readonly RunRecord[]> {
  const hot = disk.connect();
  const runs = disk.rows.filter(({ key }) => key.startsWith(keys.runsOf(tenant)));
  const records: RunRecord[] = [];
  for (const { key, value } of runs) {
    const run = decodeRun(key, value);
    const items = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof recordPage>> = await recordPage(
        {
          row: async (table, id) => {
            const bytes = await hot.get(keys.table(tenant, table, id));
            return bytes === undefined ? undefined : decode(bytes);
          },
          records: async (owner, { from = "", to = "~", limit }) => {
            const prefix = keys.recordOf(owner);
            const rows = await hot.range({ from: prefix + from, to: prefix + to, limit });
            return rows.map((row) => ({
              key: row.key.slice(prefix.length),
              value: decode(row.value),
            }));
          },
          log: (of, from, limit) => readLog(hot, of.address, { from, limit }),
        },
        {
          run,
          ...(version === undefined ? {} : { version }),
          ...(target === undefined ? {} : { target }),
          ...(cursor === null ? {} : { cursor }),
        },
      );
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== null);
    // As it travels over HTTP.
    records.push(joinRecord(JSON.parse(JSON.stringify(items))));
  }
  return records;
}
