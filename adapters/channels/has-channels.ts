// What a start looks at before it loads all that channels need.

import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { System } from "../../runtime/system.ts";
import { channelTables } from "./tables.ts";

const PAGE = 200;

/** Whether any tenant has a channel. */
export async function hasChannels({ tables }: Pick<System, "tables">): Promise<boolean> {
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const tenants = await tables.list(systemTenant, systemTables.tenants, page);
    for (const { id } of tenants) {
      if ((await tables.list(id, channelTables.records, { limit: 1 })).length > 0) return true;
    }
    after = tenants.at(-1)?.id;
    if (tenants.length < PAGE) return false;
  }
}

/** Whether the configuration has made channels, of this start's or an earlier one's. */
export async function hasConfigured({ tables }: Pick<System, "tables">): Promise<boolean> {
  return (await tables.list(systemTenant, channelTables.configured, { limit: 1 })).length > 0;
}
