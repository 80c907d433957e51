// The port to encryption at rest: whoever has the keys of tenants implements it, and every thread that
// reads or writes what lies on the disk loads it. Without one, nothing is sealed.

/** Seals what is a tenant's, under a key of that tenant. It gives the same on every thread. */
export interface Sealer {
  /**
   * @param place where it will lie: `open` must name the same, so that what was put elsewhere is not
   *   read as what belongs there.
   * @throws RuntimeError STORE_FULL, STORE_FAILED when the tenant's first key cannot be stored.
   */
  seal(tenant: string, place: string, plain: Uint8Array): Uint8Array;
  /**
   * What was sealed; undefined when the tenant's key is destroyed or not there, and for bytes that were
   * changed or lie in another place.
   */
  open(tenant: string, place: string, sealed: Uint8Array): Uint8Array | undefined;
}

/** How a thread comes by its sealer: a compiled module with `createSealer`, and plain data for it. */
export interface SealerSource {
  readonly url: string;
  /** What threads share must be shared memory. */
  readonly data: unknown;
}

/** What a start is told of the keys. */
export interface PreparedKeys {
  /** Tenants whose keys are destroyed: everything of them is to be removed. */
  readonly destroyed: readonly string[];
  /** Tenants of which something is sealed and whose key is missing: nothing of them is to go on. */
  readonly lost: readonly string[];
}

/** How what is a tenant's is sealed on the disk, of a whole system. */
export interface Sealing {
  readonly source: SealerSource;
  /**
   * Called once, before rows are read. @param isNew whether there is none yet: keys may be made.
   * @param sealed tenants of which something is sealed.
   * @throws RuntimeError CONFIG_INVALID when keys are missing or are not those of the folder.
   */
  prepare(isNew: boolean, sealed: AsyncIterable<string>): Promise<PreparedKeys>;
}
