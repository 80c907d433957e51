// Tenants whose work rests on all worker threads of a pool. A thread that comes later is told before it
// owns anything; the death of one is no matter: nothing of it goes on.

/** A worker thread, as far as it is told. */
interface Told {
  suspend(tenant: string, graceMs: number): Promise<void>;
  resume(tenant: string): Promise<void>;
}

/** What of the pool is needed. */
export interface TenantRestOptions {
  /** Those at the start. */
  readonly suspended: Iterable<string>;
  readonly members: () => readonly Told[];
  /** One change of the pool after the other. */
  readonly change: (call: () => Promise<void>) => Promise<void>;
}

/** The suspended tenants of a pool. */
export class TenantRest {
  readonly #options: TenantRestOptions;
  readonly #tenants: Set<string>;

  constructor(options: TenantRestOptions) {
    this.#options = options;
    this.#tenants = new Set(options.suspended);
  }

  /** Tells a thread that is about to become a member. */
  async enter(worker: Told): Promise<void> {
    await Promise.all([...this.#tenants].map((tenant) => worker.suspend(tenant, 0)));
  }

  suspend(tenant: string, graceMs: number): Promise<void> {
    return this.#options.change(async () => {
      this.#tenants.add(tenant);
      await this.#each((worker) => worker.suspend(tenant, graceMs));
    });
  }

  resume(tenant: string): Promise<void> {
    return this.#options.change(async () => {
      this.#tenants.delete(tenant);
      await this.#each((worker) => worker.resume(tenant));
    });
  }

  async #each(call: (worker: Told) => Promise<void>): Promise<void> {
    await Promise.allSettled(this.#options.members().map(call));
  }
}
