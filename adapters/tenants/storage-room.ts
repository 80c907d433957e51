// Whether a tenant may store more: asked before anything of a request is taken, of what is stored, what
// requests under way bring, and what this one brings. What was accepted is never cut off: a run that has
// begun, and documents that were taken, are stored to their end.

import { storageError, type TenantLimits } from "../../actors/records/tenant-limits.ts";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { System, Tables } from "../../runtime/system.ts";
import { readLimits } from "./limits.ts";

/** Tenants whose limits are remembered; past it the one that was asked for first is read anew. */
const TENANTS_MAX = 50_000;
/** Files are looked at again after so long. */
const FILES_MS = 10_000;

/** Gives back what a request under way takes beside what is stored. */
export type Release = () => void;

/** Whether it was refused because there is none. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof RuntimeError && error.code === "TENANT_LIMIT";
}

/** What it works with. */
export interface StorageRoomOptions {
  readonly tables: Tables;
  readonly tenants: Pick<System["tenants"], "storedBytes">;
  /** Of tenants that have none of their own. */
  readonly defaults: TenantLimits;
  /** Bytes of a tenant's files. */
  readonly files: (tenant: string) => Promise<number>;
  /** Default: the process's clock. */
  readonly nowMs?: () => number;
}

/** The room of all tenants. */
export class StorageRoom {
  readonly #options: StorageRoomOptions;
  readonly #nowMs: () => number;
  /** Null: as much as it likes. */
  readonly #limits = new Map<string, number | null>();
  /** Bytes of bodies that are being taken, of tenants that have a limit. */
  readonly #underWay = new Map<string, number>();
  readonly #files = new Map<string, { readonly bytes: number; readonly atMs: number }>();

  constructor(options: StorageRoomOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /**
   * Takes room for a request until it is released; null where there is no limit.
   * @param wanted bytes that it brings, as far as they are known.
   * @throws TENANT_LIMIT with the limit, what is used and what was wanted.
   */
  take(tenant: string, wanted: number): Promise<Release> | null {
    const limit = this.#limits.get(tenant);
    if (limit === null) return null;
    return this.#take(tenant, wanted, limit);
  }

  /** Its limits have changed. */
  changed(tenant: string, limits: TenantLimits): void {
    if (this.#limits.size >= TENANTS_MAX) {
      const [first = ""] = this.#limits.keys();
      this.#limits.delete(first);
    }
    const { storage_bytes: own } = { ...this.#options.defaults, ...limits };
    this.#limits.set(tenant, own ?? null);
    if (own == null) this.#files.delete(tenant);
  }

  async #take(tenant: string, wanted: number, known: number | undefined): Promise<Release> {
    const limit = known ?? (await this.#read(tenant));
    if (limit === null) return () => undefined;
    const files = await this.#filesOf(tenant);
    // Last, and from here to the end nothing is waited for: of requests at once each sees those before it,
    // as under way or as stored.
    const { bytes } = await this.#options.tenants.storedBytes(tenant);
    const underWay = this.#underWay.get(tenant) ?? 0;
    const used = bytes + files + underWay;
    if (used + wanted > limit) throw fromErrorData(storageError({ value: limit, used, wanted }));
    this.#underWay.set(tenant, underWay + wanted);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#underWay.get(tenant) ?? 0) - wanted;
      if (left > 0) this.#underWay.set(tenant, left);
      else this.#underWay.delete(tenant);
    };
  }

  async #read(tenant: string): Promise<number | null> {
    this.changed(tenant, await readLimits(this.#options.tables, tenant));
    return this.#limits.get(tenant) ?? null;
  }

  async #filesOf(tenant: string): Promise<number> {
    const known = this.#files.get(tenant);
    const nowMs = this.#nowMs();
    if (known !== undefined && nowMs - known.atMs < FILES_MS) return known.bytes;
    const bytes = await this.#options.files(tenant);
    this.#files.set(tenant, { bytes, atMs: nowMs });
    return bytes;
  }
}
