// What an address and a key say is in data folders: it stays as it is.

import { expect, test } from "vitest";
import {
  addressParts,
  kindOfAddress,
  shardOf,
  shardOfAddress,
  tenantOfAddress,
} from "../../runtime/address.ts";
import { addressOfKey, keys } from "../../runtime/store/keys.ts";

test("an address has the shard and the keys that it has in the data folders there are", () => {
  const known = [
    ["conversation:tn_1/cv_2", 936, "a/tn_1/cv_2/:conversation/s"],
    ["supervisor:tn_1/cv_2/rn_3/rn_4", 936, "a/tn_1/cv_2/rn_3/rn_4:supervisor/s"],
    ["counter:me/first", 6, "a/me/first/:counter/s"],
  ] as const;
  for (const [address, shard, key] of known) {
    const { kind, tenant, root } = addressParts(address);
    expect([shardOfAddress(address), shardOf(tenant, root)]).toEqual([shard, shard]);
    expect([kindOfAddress(address), tenantOfAddress(address)]).toEqual([kind, tenant]);
    expect(keys.state(address)).toBe(key);
    expect(addressOfKey(keys.inbox(address, "1"))).toBe(address);
  }
});
