// Files that a trigger watches, in a simulated system: the trigger, main, which dies with every crash and watches
// anew, and a disk, in memory or a real one. And what one who is only told of changes knows.

import type { TriggerInput } from "../../actors/records/trigger.ts";
import { triggerAddress } from "../../actors/triggers/state.ts";
import type { Eyes } from "../../adapters/triggers/watch/eyes.ts";
import { createWatches, type Watches } from "../../adapters/triggers/watch/watches.ts";
import type { Clock } from "../../runtime/clock.ts";
import { silentLog } from "../../runtime/log.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TriggerWorld, type TriggerWorldOptions, tenant, triggerId } from "./trigger-world.ts";

/** A trigger that watches files. */
export const record = {
  ...{ name: "Files", target: "ag_1", type: "file_change", path: "desk", settle: 2 },
} as const satisfies TriggerInput;

/** What was told of one file. */
export interface Change {
  readonly event: string;
  readonly path: string;
  readonly was?: string;
  readonly bytes?: number;
}

/** A disk that is watched. */
export interface WatchedDisk extends Eyes {
  /** Where it is. */
  readonly path: string;
  forgetWatchers(): void;
  /** Whether it is being looked at, which takes time that nobody simulates. */
  isBusy?(): boolean;
}

/** A trigger, its disk, and main, which dies with every crash. */
export class WatchWorld<Disk extends WatchedDisk> {
  readonly world: TriggerWorld;
  readonly disk: Disk;
  readonly #record: TriggerInput;
  #watches: Watches | null = null;
  #crashes = 0;
  #asks = 0;

  constructor(
    more: Partial<TriggerInput>,
    diskOf: (clock: Clock) => Disk,
    options: TriggerWorldOptions = {},
  ) {
    this.#record = { ...record, ...more };
    this.world = new TriggerWorld({ workMs: 3_000, ...options });
    this.disk = diskOf(this.world.system.schedule.clock("disk", () => true));
  }

  async start(): Promise<void> {
    await this.world.start(this.#record);
    await this.watch();
    await this.pass(1_000);
  }

  /** Main begins to watch. */
  async watch(): Promise<void> {
    const { system } = this.world;
    this.#watches?.stop();
    this.disk.forgetWatchers();
    const grants = [
      { name: "desk", path: this.disk.path, tenants: ["*"], access: "read" as const },
    ];
    const prefix = keys.recordOf(triggerAddress(tenant, triggerId));
    const life = system.crashes;
    this.#watches = createWatches({
      ...{ grants, eyes: this.disk, log: silentLog },
      clock: system.schedule.clock("main", () => system.crashes === life),
      system: {
        ask: (to, message) => {
          this.#asks += 1;
          const ended = (): void => {
            this.#asks -= 1;
          };
          const asked = system.ask(to, message);
          asked.then(ended, ended);
          return asked;
        },
        tables: { get: async () => ({ id: triggerId, value: { record: this.#record } }) as never },
        records: async (_, { from = "", to = "~", limit }) =>
          system.disk.rows
            .filter(({ key }) => key >= prefix + from && key < prefix + to)
            .sort((a, b) => (a.key < b.key ? -1 : 1))
            .slice(0, limit)
            .map(({ key, value }) => ({ key: key.slice(prefix.length), value: decode(value) })),
      },
    });
    await this.#watches.begin({ tenant, trigger: triggerId });
    this.#crashes = system.crashes;
  }

  /** Time passes; who has died is started again. */
  async pass(ms: number): Promise<void> {
    const { system } = this.world;
    await this.#advance(ms);
    if (this.#crashes === system.crashes) return;
    await this.world.revive();
    await this.watch();
  }

  async #advance(ms: number): Promise<void> {
    const { system } = this.world;
    const { schedule } = system;
    const { isBusy } = this.disk;
    if (isBusy === undefined) return await schedule.advance(ms);
    for (let left = ms; left > 0; left -= STEP_MS) {
      await schedule.advance(Math.min(left, STEP_MS));
      for (let rest = 0; rest < TURNS; rest += 1) {
        // No time passes while it is looked at, and as little as may be for what is told of that.
        await new Promise((resolve) => setImmediate(resolve));
        const isAsked = this.#asks > 0 && system.crashes === this.#crashes;
        if (isAsked) await schedule.advance(1);
        if (isAsked || isBusy()) rest = 0;
      }
    }
  }

  stop(): void {
    this.#watches?.stop();
    this.disk.forgetWatchers();
  }

  status() {
    return this.#watches?.status({ tenant, trigger: triggerId });
  }

  changes(): readonly Change[] {
    const all = this.world.ledger().map(({ data }) => data as { changes: readonly Change[] });
    return all.flatMap(({ changes }) => changes);
  }
}

/** Of time that passes at once where a disk is real, and turns for which it must not have been busy. */
const STEP_MS = 250;
const TURNS = 4;

/** Sizes of files by path, as one who is only told knows them. @throws for what does not fit to what was told before. */
export function heard(
  changes: readonly Change[],
  first: ReadonlyMap<string, number>,
): Map<string, number> {
  const known = new Map(first);
  for (const { event, path, was, bytes } of changes) {
    const place = path.slice("desk/".length);
    const before = was?.slice("desk/".length) ?? place;
    const isThere = known.has(before);
    if (isThere === (event === "added")) throw new Error(`${event} ${path}, which was not so.`);
    if (event === "changed" && known.get(place) === bytes) throw new Error(`${path} told twice.`);
    if (event === "renamed" && known.has(place)) throw new Error(`${path} was there.`);
    if (event !== "added") known.delete(before);
    if (event !== "removed") known.set(place, bytes ?? -1);
  }
  return known;
}
