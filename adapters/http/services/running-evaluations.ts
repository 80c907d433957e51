// Evaluations under way as users of what they name: a data set, and the versions that they ask.

import { type RunningEvaluation, runningTable } from "../../../actors/records/evaluation.ts";
import type { Tables } from "../../../runtime/system.ts";
import { isLinkTo, type RecordUser } from "./record-links.ts";

/** Read at a time. */
const ROWS_AT_ONCE = 200;

/** Those that name a record, in order of creation. */
export async function runningUsersOf(
  tables: Tables,
  tenant: string,
  id: string,
): Promise<readonly RecordUser[]> {
  const users: RecordUser[] = [];
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? {} : { after };
    const rows = await tables.list(tenant, runningTable, { limit: ROWS_AT_ONCE, ...from });
    for (const row of rows) {
      const { name, links } = row.value as RunningEvaluation;
      if (!links.some((link) => isLinkTo(link, id))) continue;
      users.push({ id: row.id, kind: "evaluation", name, links });
    }
    after = rows.at(-1)?.id;
    if (rows.length < ROWS_AT_ONCE) return users;
  }
}
