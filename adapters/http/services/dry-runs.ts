// Routing a message with the model's help where words leave doubt, for a dry run: the run is a
// worker's, and the caller pays as for a turn when a model was asked.

import type { DryRunInput, DryRunMessage, DryRunReply } from "../../../actors/dry-run.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import type { Compute } from "../../../actors/ports.ts";
import type { AgentRow } from "../../../actors/records/agent-version.ts";
import type { Finding } from "../../../actors/records/guardrail.ts";
import { address } from "../../../runtime/address.ts";
import { fromErrorData, RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import type { Caller } from "./agent-store.ts";
import { withCharges } from "./charges.ts";
import type { GuardParts } from "./screening.ts";
import { operationsOf } from "./tenant-prices.ts";

/** Asks a worker. */
export interface DryRunService {
  /**
   * What guardrails leave of the text, and which of them hold for the run.
   * @throws GUARDRAIL_BLOCKED.
   */
  screened(
    caller: Caller,
    agent: AgentRow,
    text: string,
  ): Promise<Pick<DryRunInput, "text" | "guards"> & { readonly findings: readonly Finding[] }>;
  /** @throws BALANCE_EXHAUSTED, or what the run ended with. */
  route(caller: Caller, input: DryRunInput, signal: AbortSignal): Promise<DryRunReply>;
}

/** The service over a system. */
export function createDryRunService(
  parts: GuardParts & {
    readonly system: System;
    readonly compute: Compute;
    readonly prices: Prices;
    nowMs(): number;
  },
): DryRunService {
  return {
    async screened(caller, { agent, version: current }, text) {
      const { screenPreview } = await import("./screening.ts");
      const { agent_key: id, guardrails } = agent;
      // A dry run is of the version that stands, never of its canary.
      const target = { current, guardrails: guardrails ?? [], agent: null };
      const asked = { agent: id, text };
      const { message, ...rest } = await screenPreview(
        { ...parts, caller, root: id },
        target,
        asked,
      );
      return { text: message.text, ...rest };
    },
    async route({ tenant, keyId, service }, input, signal) {
      const to = address({ kind: "route", tenant, root: newId("dr", parts.nowMs()) });
      const priceMicros = (await operationsOf(parts, tenant)).chat;
      const asked: DryRunMessage = { type: "route", input, priceMicros, service };
      const keyed = keyId === null ? asked : { ...asked, keyId };
      const { nowMs, system } = parts;
      const { agent } = input;
      const message = await withCharges({ tables: system.tables, nowMs }, keyed, { to, agent });
      for await (const frames of parts.system.stream(to, message, { signal, endOnly: true })) {
        for (const frame of frames) {
          if (frame.type === "refused") throw fromErrorData(frame.error);
          if (frame.type !== "end") continue;
          if (frame.outcome.status !== "completed") throw fromErrorData(frame.outcome.error);
          return frame.reply as DryRunReply;
        }
      }
      throw new RuntimeError("CANCELLED", "The connection to the dry run ended.");
    },
  };
}
