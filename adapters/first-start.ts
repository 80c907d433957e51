// What a data folder gets before it is used: the operator's tenant, and the sample on a folder that
// is new. Done after the server listens, so that neither can hold up the start.

import { balanceCounter } from "../actors/records/conversation.ts";
import type { System } from "../runtime/system.ts";
import { sampleQuestion } from "./cli/sample/agents.ts";
import {
  findSample,
  loadSample,
  type SampleParts,
  sampleServices,
  sampleTenant,
} from "./cli/sample/load.ts";
import { defaultTenant, type Front } from "./front.ts";
import { anOwner } from "./http/auth.ts";
import type { Principal } from "./http/route.ts";

/** What it works with. */
export interface FirstStartOptions {
  readonly system: System;
  readonly front: Front;
  readonly small: Pick<SampleParts, "read" | "write">;
  readonly withSample: "on" | "off";
  /** Name of the operator's tenant where it is made; null: "Default". */
  readonly client: string | null;
  /** Nothing was in the data folder before this start. */
  readonly isFirst: boolean;
}

/** What the start can print now. */
export interface FirstStart {
  readonly loginCode: string;
  readonly sample: {
    readonly key: string;
    readonly agent: string;
    readonly question: string;
  } | null;
}

/** Balance of the operator's tenant: 1,000 units, in millionths. */
const BALANCE_MICROS = 1_000_000_000;

/** Makes what is missing; what is there is left alone. */
export async function prepareAccounts(options: FirstStartOptions): Promise<FirstStart> {
  const { system, front, small } = options;
  const fillBalance = async (tenant: string, micros: number): Promise<void> => {
    const delta = micros - (await system.tables.counter(tenant, balanceCounter));
    if (delta <= 0) return;
    await system.tables.write(tenant, [{ type: "add", counter: balanceCounter, delta }]);
  };
  if (!(await front.keys.tenant(defaultTenant))) {
    await front.keys.createTenant({ id: defaultTenant, name: options.client ?? "Default" });
    await fillBalance(defaultTenant, BALANCE_MICROS);
  }
  const isBegun = options.isFirst || (await small.read("sample.json")) !== null;
  const sample =
    options.withSample === "on" && isBegun
      ? ((await findSample(small)) ?? (await loadSample(partsOf(options, fillBalance))))
      : null;
  const loginCode = front.sessions.createCode(sample ? samplePrincipal : anOwner(defaultTenant));
  return { loginCode, sample: sample && { ...sample, question: sampleQuestion } };
}

function partsOf(
  { front, small }: FirstStartOptions,
  fillBalance: SampleParts["fillBalance"],
): SampleParts {
  const { services, keys } = front;
  return {
    agents: services.agents,
    knowledge: services.knowledge,
    accounts: keys,
    fillBalance,
    ...small,
  };
}

const samplePrincipal: Principal = {
  tenant: sampleTenant,
  keyId: null,
  isServer: false,
  role: "developer",
  allowedServices: sampleServices,
  expiresAt: null,
  via: "cookie",
};
