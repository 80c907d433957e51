// Which channels the gateways that run name in their files. A channel that no file names any more is switched
// off, but only when no gateway that runs names it: while a changed file reaches several gateways one after the
// other, neither what the new one adds nor what the old one still has is switched off. In memory: who runs says
// so again every few seconds, and for as long as that takes after a start nothing is switched off.

import type { ChannelInput } from "../../actors/channels/channel.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Serial } from "../serial.ts";

/** Limits, by name and unit. */
export const claimLimits = {
  /** A gateway that has said nothing for so long does not run, ms. */
  lifeMs: 30_000,
  /** How often one that runs says so, ms. */
  everyMs: 5_000,
  /** Gateways of a tenant that run at once. */
  instances: 200,
  /** Names that one says: those of its file, and of its file before. */
  channels: 400,
} as const;

/** What a gateway says. */
export interface ClaimInput {
  readonly tenant: string;
  /** Its name: the same for all that have the same file. */
  readonly gateway: string;
  /** The process. */
  readonly instance: string;
  /** Names of the channels of its file. */
  readonly channels: readonly string[];
  /** No other gateway can name channels of this server. */
  readonly isAlone: boolean;
}

/** What it is told. */
export interface Claimed {
  /** Whether the server knew that it runs; else its file is to be applied again. */
  readonly known: boolean;
  /** Names of gateways that run. */
  readonly gateways: readonly string[];
  /** Channels that were switched off: nobody names them any more. */
  readonly paused: readonly string[];
}

/** Channels of a tenant, as claims change them. */
export interface ClaimedChannels {
  active(
    tenant: string,
  ): Promise<readonly (Pick<ChannelInput, "name" | "managed_by"> & { readonly id: string })[]>;
  switchOff(id: string): Promise<void>;
}

interface Claim {
  readonly gateway: string;
  readonly channels: ReadonlySet<string>;
  readonly atMs: number;
}

/** Those of all tenants. */
export class Claims {
  readonly #serial: Serial;
  readonly #nowMs: () => number;
  readonly #sinceMs: number;
  readonly #byTenant = new Map<string, Map<string, Claim>>();

  constructor({ serial, nowMs }: { readonly serial: Serial; readonly nowMs: () => number }) {
    this.#serial = serial;
    this.#nowMs = nowMs;
    this.#sinceMs = nowMs();
  }

  /** Takes a claim, and switches off what nobody claims. One at a time: who claims next finds it done. */
  claim(input: ClaimInput, channels: ClaimedChannels): Promise<Claimed> {
    const { tenant } = input;
    return this.#serial.run(`${tenant} claims`, async () => {
      const all = this.#living(tenant);
      const known = all.has(keyOf(input));
      if (!known && all.size >= claimLimits.instances) {
        const message = `Already ${claimLimits.instances} gateways of this tenant run.`;
        throw new RuntimeError("TENANT_LIMIT", message);
      }
      const atMs = this.#nowMs();
      all.set(keyOf(input), { ...input, channels: new Set(input.channels), atMs });
      const gateways = [...new Set([...all.values()].map(({ gateway }) => gateway))];
      const isSettled = input.isAlone || atMs - this.#sinceMs >= claimLimits.lifeMs;
      const paused = isSettled ? await this.#pause(input, all, channels) : [];
      return { known, gateways, paused };
    });
  }

  /** The process ends: what it alone has named stays as it is until another of its name runs. */
  withdraw(of: Pick<ClaimInput, "tenant" | "gateway" | "instance">): void {
    this.#byTenant.get(of.tenant)?.delete(keyOf(of));
  }

  async #pause(
    { tenant, gateway }: ClaimInput,
    all: ReadonlyMap<string, Claim>,
    channels: ClaimedChannels,
  ): Promise<readonly string[]> {
    const isNamed = (name: string): boolean =>
      [...all.values()].some((claim) => claim.channels.has(name));
    const active = await channels.active(tenant);
    const left = active.filter((one) => one.managed_by === gateway && !isNamed(one.name));
    for (const { id } of left) await channels.switchOff(id);
    return left.map(({ name }) => name);
  }

  /** Those of a tenant that still run. */
  #living(tenant: string): Map<string, Claim> {
    const all = this.#byTenant.get(tenant) ?? new Map<string, Claim>();
    this.#byTenant.set(tenant, all);
    const oldestMs = this.#nowMs() - claimLimits.lifeMs;
    for (const [key, { atMs }] of all) if (atMs <= oldestMs) all.delete(key);
    return all;
  }
}

function keyOf({ gateway, instance }: Pick<ClaimInput, "gateway" | "instance">): string {
  return `${instance} ${gateway}`;
}
