// Secrets of an account that change while it runs: rows that only main writes, sealed on their way to disk
// (secret-rows.ts), one change at a time.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import type { Serial } from "../serial.ts";
import type { Kept } from "./adapter.ts";
import { channelTables } from "./tables.ts";

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const CHARS_MAX = 20_000;

/** Of one account. */
export function keptOf(
  { tables, serial }: { readonly tables: Pick<Tables, "get" | "write">; readonly serial: Serial },
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Kept {
  const table = channelTables.kept;
  const rowOf = (name: string): string => {
    if (NAME.test(name)) return `${id}.${name}`;
    throw new RuntimeError("INVALID", `What is kept has a name of ${NAME.source}.`);
  };
  const get = async (name: string): Promise<string | null> => {
    const row = await tables.get(tenant, table, rowOf(name));
    return (row?.value as { readonly value: string } | undefined)?.value ?? null;
  };
  return {
    get,
    update: (name, change) =>
      serial.run(`${tenant}/${rowOf(name)}`, async () => {
        const value = await change(await get(name));
        if (value.length > CHARS_MAX) {
          throw new RuntimeError("INVALID", `What is kept has at most ${CHARS_MAX} characters.`);
        }
        await tables.write(tenant, [{ type: "put", table, id: rowOf(name), value: { value } }]);
        return value;
      }),
  };
}
