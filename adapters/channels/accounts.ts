// The accounts of all tenants, open while their records say so. Opened at the start, opened anew when a
// record changes, closed with it or with its tenant. One that cannot be opened says why in its health and
// harms no other.

import { type ChannelInput, channelKind } from "../../actors/channels/channel.ts";
import { type ResourceRow, resourceTables } from "../../actors/records/resource.ts";
import { toErrorData } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import { type Account, type ChannelRecord, type OpenParts, openAccount } from "./account.ts";
import { Health } from "./health.ts";
import { hiding } from "./hidden-secrets.ts";
import { runSource, type SourceParts } from "./source.ts";

const PAGE = 200;
/** How often it is looked whether tenants were suspended or resumed, ms. */
const LOOK_MS = 5_000;

/** What they work with. */
export interface AccountsParts extends OpenParts, Pick<SourceParts, "takeIn"> {
  readonly system: Pick<System, "tables" | "tenants">;
  listTenants(page: {
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly { readonly id: string }[]>;
}

interface Entry {
  readonly tenant: string;
  readonly id: string;
  readonly health: Health;
  record: ChannelRecord;
  account: Account | null;
  stop: AbortController;
}

/** All of them. */
export class Accounts {
  readonly #parts: AccountsParts;
  readonly #entries = new Map<string, Entry>();
  readonly #table = resourceTables(channelKind).current;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: AccountsParts) {
    this.#parts = parts;
  }

  /** Opens those of all tenants. */
  async open(): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
      const tenants = await this.#parts.listTenants(page);
      for (const { id } of tenants) await this.#openOf(id);
      after = tenants.at(-1)?.id;
      if (tenants.length < PAGE) break;
    }
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  /** One that is open. */
  find(id: string): Account | undefined {
    const entry = this.#entries.get(id);
    if (entry?.account === null || entry === undefined) return undefined;
    return this.#isActive(entry) ? entry.account : undefined;
  }

  /** One that is open when what is under way with it is done: a change closes it and opens it anew. */
  async settled(id: string): Promise<Account | undefined> {
    const entry = this.#entries.get(id);
    if (entry?.account === null && this.#isActive(entry)) {
      await this.#parts.serial.run(`${entry.tenant}/${id} account`, () => Promise.resolve());
    }
    return this.find(id);
  }

  /** Whether there is one, open or not. */
  has(id: string): boolean {
    return this.#entries.has(id);
  }

  health(tenant: string, id: string): Health | undefined {
    const entry = this.#entries.get(id);
    return entry?.tenant === tenant ? entry.health : undefined;
  }

  /** As its record is now; resolves when that is so. */
  async changed(tenant: string, id: string): Promise<void> {
    await this.#parts.serial.run(`${tenant}/${id} account`, async () => {
      if (this.#isClosed) return;
      const row = await this.#parts.tables.get(tenant, this.#table, id);
      if (row === undefined) {
        await this.#drop(id);
        return;
      }
      const { record } = row.value as ResourceRow<ChannelInput>;
      const known = this.#entries.get(id);
      const health = known?.health ?? new Health(this.#parts.nowMs);
      if (known !== undefined) await this.#close(known);
      const entry: Entry = {
        tenant,
        id,
        health,
        record,
        account: null,
        stop: new AbortController(),
      };
      this.#entries.set(id, entry);
      await this.#start(entry);
    });
  }

  /** Closes all. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
    this.#entries.clear();
  }

  async #openOf(tenant: string): Promise<void> {
    for (let after: string | undefined; ; ) {
      const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
      const rows = await this.#parts.tables.list(tenant, this.#table, page);
      await Promise.all(rows.map(({ id }) => this.changed(tenant, id)));
      after = rows.at(-1)?.id;
      if (rows.length < PAGE) return;
    }
  }

  #isActive({ tenant, record }: Entry): boolean {
    const { tenants } = this.#parts.system;
    return record.is_active !== false && tenants.stateOf(tenant) === "active";
  }

  #openParts(): OpenParts {
    return { ...this.#parts, forgetPeople: (id) => this.find(id)?.people.forget() };
  }

  async #start(entry: Entry): Promise<void> {
    const { tenant, record, health } = entry;
    if (!this.#isActive(entry)) {
      health.state("inactive");
      return;
    }
    try {
      entry.account = await openAccount(this.#openParts(), { tenant, record, health });
      health.state("open");
    } catch (error) {
      const { message } = toErrorData(error);
      const told = hiding(Object.values(record.secrets ?? {}))(message);
      health.state("failed");
      health.failed(told);
      const of = { account: entry.id, kind: record.kind, tenant, reason: told };
      this.#parts.log.write("error", "An account of a channel cannot be opened.", of);
      return;
    }
    entry.stop = new AbortController();
    runSource(entry.account, this.#parts, entry.stop.signal);
  }

  async #close(entry: Entry): Promise<void> {
    const { account } = entry;
    entry.account = null;
    entry.stop.abort();
    entry.health.state("inactive");
    entry.health.connection(null);
    await account?.instance.close().catch((error: unknown) => {
      entry.health.failed(account.hide(toErrorData(error).message));
    });
  }

  async #drop(id: string): Promise<void> {
    const entry = this.#entries.get(id);
    this.#entries.delete(id);
    if (entry !== undefined) await this.#close(entry);
  }

  /** Closes those of tenants that rest, opens those of tenants that go on. */
  async #look(): Promise<void> {
    for (const entry of this.#entries.values()) {
      const isOpen = entry.account !== null;
      const isFailed = entry.health.view().state === "failed";
      if (isOpen === this.#isActive(entry) || (isFailed && this.#isActive(entry))) continue;
      // What is read anew is judged anew; a row that is gone with its tenant closes it too.
      await this.changed(entry.tenant, entry.id).catch((error: unknown) => {
        entry.health.failed(toErrorData(error).message);
      });
    }
  }
}
