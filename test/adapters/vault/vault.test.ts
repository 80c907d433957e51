// Sealed secrets: bound to whose they are, unreadable when changed, and read by every thread also while the
// master key is replaced.

import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  emptyMasterKeys,
  masterKeyId,
  replaceMasterKeys,
} from "../../../adapters/vault/master-keys.ts";
import {
  createVault,
  isSealed,
  type SecretPlace,
  sealedContext,
} from "../../../adapters/vault/vault.ts";

const place: SecretPlace = { tenant: "tn_1", user: "ana", integration: "shop" };

function openVault(keys = [randomBytes(32)]) {
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, keys);
  return { memory, keys, vault: createVault(memory) };
}
const codeOf = (call: () => unknown): unknown => {
  try {
    return call();
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
};

test("a secret comes back, is sealed differently each time, and is not in what is stored", () => {
  const { vault } = openVault();
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (secret) => {
      const [one, two] = [vault.seal(place, secret), vault.seal(place, secret)];

      expect(vault.open(place, one)).toBe(secret);
      expect(one).not.toBe(two);
      expect(isSealed(one)).toBe(true);
      if (secret.length > 4) expect(one).not.toContain(secret);
    }),
  );
});

test.each([
  ["tenant", { tenant: "tn_2" }],
  ["user", { user: "bob" }],
  ["integration", { integration: "mail" }],
  ["user, moved into the tenant", { tenant: "tn_1a", user: "na" }],
])("a secret of another %s cannot be opened", (_what, other) => {
  const { vault } = openVault();
  const sealed = vault.seal(place, "planted");

  expect(codeOf(() => vault.open({ ...place, ...other }, sealed))).toBe("SECRET_UNREADABLE");
});

test("no two places are bound to the same bytes", () => {
  const part = fc.string({ maxLength: 6 });
  const places = fc.record({ tenant: part, user: part, integration: part });
  fc.assert(
    fc.property(places, places, (left, right) => {
      fc.pre(JSON.stringify(left) !== JSON.stringify(right));
      expect(sealedContext(left).equals(sealedContext(right))).toBe(false);
    }),
  );
});

test("a sealed secret of which any character is changed cannot be opened", () => {
  const { vault } = openVault();
  const sealed = vault.seal(place, "planted");
  const from = "vault:1:".length;
  for (let at = from; at < sealed.length; at += 1) {
    const other = sealed[at] === "A" ? "Q" : "A";
    const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
    const said = codeOf(() => vault.open(place, changed));
    // The last character of a part has bits that say nothing.
    if (said !== "planted") expect(said).toBe("SECRET_UNREADABLE");
  }
});

test("after a new master key old secrets are read, new ones are under it, and rewrapped ones need it alone", () => {
  const { vault, memory, keys } = openVault();
  const other = createVault(memory);
  const sealed = vault.seal(place, "planted");
  const next = randomBytes(32);
  replaceMasterKeys(memory, [next, ...keys]);
  const rewrapped = other.rewrapped(place, sealed) ?? "";

  expect(vault.keys.currentId).toBe(masterKeyId(next));
  expect(other.open(place, sealed)).toBe("planted");
  expect(vault.rewrapped(place, rewrapped)).toBeNull();
  const alone = openVault([next]).vault;
  expect(alone.open(place, rewrapped)).toBe("planted");
  expect(alone.open(place, vault.seal(place, "new"))).toBe("new");
  expect(codeOf(() => alone.open(place, sealed))).toBe("SECRET_UNREADABLE");
  // The secret itself was not touched: its last part is as it was.
  expect(rewrapped.split(":").at(-1)).toBe(sealed.split(":").at(-1));
});

test("each secret has a data key of its own, and nothing is encrypted twice under one key and nonce", () => {
  const { vault } = openVault();
  const context = sealedContext(place);
  const dataKeys = Array.from({ length: 20 }, () => {
    const [, , id = "", wrapped = ""] = vault.seal(place, "planted").split(":");
    return vault.keys.unwrap(id, Buffer.from(wrapped, "base64url"), context).toString("hex");
  });
  const wraps = Array.from({ length: 20 }, () => vault.keys.wrap(Buffer.alloc(32), context).bytes);

  expect(new Set(dataKeys).size).toBe(20);
  expect(new Set(wraps.map((one) => one.subarray(0, 12).toString("hex"))).size).toBe(20);
});

test("a key of another length, none, and too many are refused", () => {
  const memory = emptyMasterKeys();
  for (const keys of [[], [randomBytes(31)], Array.from({ length: 9 }, () => randomBytes(32))]) {
    expect(codeOf(() => replaceMasterKeys(memory, keys))).toBe("INVALID");
  }
});
