// Rows of an environment as they lie on the disk where tenants have keys: values of a tenant are sealed
// when they are sent to the writer and opened when they are read, so that neither the writer, nor a
// backup, nor a compaction has them in clear. Keys of rows, counters (which hold a number), and rows of
// the folder itself stay as they are.

import { isSealedValue, SEALED_HEAD } from "./codec.ts";
import type { Base } from "./overlay.ts";
import type { Sealer, SealerSource } from "./sealer.ts";
import type { Batch, Environment, Reader, StoreOp } from "./store.ts";
import { tenantOfKey } from "./tenant-rows.ts";

/** Seals and opens the values of one environment. */
export interface ValueSeals {
  /** The batch as it is stored. Conditions compare what is not sealed: `expected` stays. */
  seal(batch: Batch): Batch;
  /** @throws as `Sealer.seal`. */
  sealValue(key: string, value: Uint8Array): Uint8Array;
  /** A value that cannot be opened is given as it is stored: `decode` refuses it. */
  open(key: string, value: Uint8Array): Uint8Array;
  /** Reads that open what they find. */
  opened(stored: Base): Base;
}

/** The seals of both environments. */
export type Seals = Readonly<Record<Environment, ValueSeals>>;

interface SealerModule {
  createSealer(data: unknown): Sealer;
}

/** The sealer of this thread. */
export async function loadSealer({ url, data }: SealerSource): Promise<Sealer> {
  const { createSealer } = (await import(url)) as SealerModule;
  return createSealer(data);
}

/** The seals of this thread. */
export async function loadSeals(source: SealerSource): Promise<Seals> {
  return sealsOf(await loadSealer(source));
}

/** Of both environments. */
export function sealsOf(sealer: Sealer): Seals {
  return { hot: rowSeals(sealer, "hot"), bulk: rowSeals(sealer, "bulk") };
}

/** Rows that say something of a tenant and nothing of what is in it; they outlive its key. */
const isOfFolder = (key: string): boolean => key.startsWith("!");

/** The seals of an environment's rows. */
export function rowSeals(sealer: Sealer, environment: Environment): ValueSeals {
  const place = (key: string): string => `${environment}/${key}`;
  const sealValue = (key: string, value: Uint8Array): Uint8Array => {
    const tenant = isOfFolder(key) ? null : tenantOfKey(environment, key);
    if (tenant === null) return value;
    const sealed = sealer.seal(tenant, place(key), value);
    const stored = new Uint8Array(SEALED_HEAD.length + sealed.length);
    stored.set(SEALED_HEAD);
    stored.set(sealed, SEALED_HEAD.length);
    return stored;
  };
  const sealOp = (op: StoreOp): StoreOp =>
    "value" in op && op.value !== undefined ? { ...op, value: sealValue(op.key, op.value) } : op;
  const open = (key: string, value: Uint8Array): Uint8Array => {
    if (!isSealedValue(value)) return value;
    const tenant = tenantOfKey(environment, key);
    if (tenant === null) return value;
    return sealer.open(tenant, place(key), value.subarray(SEALED_HEAD.length)) ?? value;
  };
  return {
    sealValue,
    open,
    seal: ({ ops, ...rest }) => ({ ...rest, ops: ops.map(sealOp) }),
    opened: (stored) => ({
      get: (key) => {
        const value = stored.get(key);
        return value && open(key, value);
      },
      range: (range) =>
        stored.range(range).map(({ key, value }) => ({ key, value: open(key, value) })),
    }),
  };
}

/** The same of a reader without pending writes; as it is where nothing is sealed. */
export function openedReader(
  stored: Base,
  environment: Environment,
  sealer: Sealer | undefined,
): Reader {
  return sealer === undefined ? stored : rowSeals(sealer, environment).opened(stored);
}
