// The vault of a process from its start: keys are read before the workers are started, and judged against
// the data folder when it is open. With the wrong key nothing is changed and the start is refused.

import { randomBytes } from "node:crypto";
import { systemTenant } from "../../actors/records/api-key.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import { type KeySettings, keySource } from "./key-source.ts";
import { emptyMasterKeys, KEY_BYTES, masterKeyId, replaceMasterKeys } from "./master-keys.ts";
import type { RewrapOptions } from "./rewrap.ts";
import { createRotation, type Rotation } from "./rotation.ts";
import type { SealedTenants } from "./sealing.ts";
import { createVault, type Vault } from "./vault.ts";

/** Table and row that say under which master key everything is wrapped. */
const table = "vault";
const id = "master-key";
/** A start is over by then, ms. */
const BEGIN_MS = 1_000;

/** Tenants that one line of the log names. */
const TOLD_MAX = 20;

/** A vault whose data folder is not open yet. */
export interface PreparedVault {
  readonly vault: Vault;
  /** The keys, for the other threads. */
  readonly memory: SharedArrayBuffer;
  /** Makes a master key where there is none, in a data folder that is new. @throws CONFIG_INVALID. */
  ensureKey(): Promise<void>;
  /** @throws CONFIG_INVALID when secrets are wrapped by a key that is not among those that were read. */
  settle(system: RunningSystem, log: Log, sealed?: SealedTenants): Promise<Rotation>;
}

/** Reads the keys. @throws CONFIG_INVALID. */
export async function prepareVault(
  settings: KeySettings,
  renewed: (vault: Vault) => RewrapOptions["renewed"],
): Promise<PreparedVault> {
  const source = keySource(settings);
  let read = await source.read();
  const memory = emptyMasterKeys();
  if (read !== null) replaceMasterKeys(memory, read);
  const vault = createVault(memory);
  return {
    vault,
    memory,
    ensureKey: async () => {
      if (read !== null) return;
      read = [randomBytes(KEY_BYTES)];
      await source.write?.(read);
      replaceMasterKeys(memory, read);
    },
    settle: async (system, log, sealed) => {
      tellLost(log, sealed?.lost() ?? []);
      const { tables } = system;
      const row = await tables.get(systemTenant, table, id);
      const wrappedBy = (row?.value as { readonly key: string } | undefined)?.key ?? null;
      const keys = read ?? [randomBytes(KEY_BYTES)];
      checkKey(wrappedBy, keys.map(masterKeyId));
      if (read === null) {
        await source.write?.(keys);
        replaceMasterKeys(memory, keys);
      }
      const first = vault.keys.currentId;
      // Nothing is wrapped yet. Said at once: a backup of the first second must not start without this key.
      const isNew = wrappedBy === null && system.boots === 1;
      if (isNew) await tables.write(systemTenant, [saidKey(first)]);
      let last = isNew ? first : wrappedBy;
      const rotation = createRotation({
        ...{ source, memory, keys, log },
        pass: async (onProgress, signal) => {
          const { rewrapAll } = await import("./rewrap.ts");
          sealed?.rewrap();
          const done = await rewrapAll({ system, renewed: renewed(vault), onProgress, signal });
          // What another thread wrapped while the key became another one.
          const left = sealed?.rewrap().unreadable ?? 0;
          return { ...done, unreadable: done.unreadable + left };
        },
        done: async (key, { rows, changed, unreadable }) => {
          const before = last ?? (key === first ? null : first);
          const details = { key, before, rows, changed, unreadable };
          last = key;
          const what = { action: "vault.rotated", subject: key, details };
          await tables.write(systemTenant, [
            saidKey(key),
            // A pass that found nothing to do is no rotation.
            ...(changed > 0 ? auditWrites(byServer, what) : []),
          ]);
        },
      });
      if (keys.length > 1 || last !== first) {
        setTimeout(rotation.begin, BEGIN_MS).unref();
      }
      return rotation;
    },
  };
}

const saidKey = (key: string) => ({ type: "put", table, id, value: { key } }) as const;

function checkKey(wrappedBy: string | null, known: readonly string[]): void {
  if (wrappedBy === null || known.includes(wrappedBy)) return;
  const text = `The secrets in the data folder are wrapped by the master key ${wrappedBy}, which is not given; given is ${known.join(", ")}.`;
  throw new RuntimeError(
    "CONFIG_INVALID",
    `${text} Put the right one back, or in front of it the new one.`,
  );
}

function tellLost(log: Log, lost: readonly string[]): void {
  if (lost.length === 0) return;
  const text =
    "Keys of tenants are missing: these tenants rest. Put the keys back among the keys of tenants, and start again.";
  log.write("error", text, { count: lost.length, tenants: lost.slice(0, TOLD_MAX) });
}
