// How a sum of usage and a row of the ledger are shown.

import { partsOf } from "../../../actors/money/spent.ts";
import type { UsageSum } from "../../../actors/money/sums.ts";
import type { Usage } from "../../../actors/ports.ts";
import type { LedgerRow } from "../../../actors/records/conversation.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import type { Cell } from "../csv.ts";
import { sumFields, tokenFields } from "./usage-schemas.ts";

/** A sum as it is shown. */
export function sumView(sum: UsageSum): Readonly<Record<keyof typeof sumFields, number>> {
  return {
    calls: sum.calls,
    failed: sum.failed,
    prompt_tokens: sum.prompt,
    completion_tokens: sum.completion,
    total_tokens: sum.prompt + sum.completion,
    cached_tokens: sum.cached,
    reasoning_tokens: sum.reasoning,
    estimated: sum.estimated,
    spend: unitsOf(sum.spend),
    charged: unitsOf(sum.charged),
    credited: unitsOf(sum.credited),
  };
}

/** Names of a sum's numbers, in the order of `sumView`. */
export const sumColumns = Object.keys(sumFields);

/** A service's sum, as it was shown before sums could be grouped. */
export function serviceView(service: string, sum: UsageSum): object {
  return {
    service,
    calls: sum.rows,
    failed: sum.rowsFailed,
    charged: unitsOf(sum.charged - sum.credited),
    prompt_tokens: sum.prompt,
    completion_tokens: sum.completion,
  };
}

/** A row as it is shown. */
export function ledgerView(row: LedgerRow): object {
  const { id, at, service, run_id, key_id, outcome, charge, spend } = row;
  const models = spend === null ? [] : partsOf(spend);
  return {
    ...{ id, at, service, agent_id: row.agent_id || null, key_id, run_id, outcome },
    units: charge.units,
    unit_price: unitsOf(charge.unitPriceMicros),
    charged: unitsOf(charge.micros),
    ...tokensView(spend),
    estimated: spend?.estimated ?? false,
    models: models.map((part) => ({ model: part.model ?? null, ...tokensView(part) })),
    note: row.note ?? null,
  };
}

/** Head of the ledger as CSV. */
export const ledgerColumns = [
  ...["id", "at", "service", "agent_id", "key_id", "run_id", "outcome"],
  ...["units", "unit_price", "charged"],
  ...Object.keys(tokenFields),
  ...["models", "note"],
];

/** A row of it. */
export function ledgerCells(row: LedgerRow): readonly Cell[] {
  const { charge, spend } = row;
  const models = spend === null ? [] : partsOf(spend).flatMap(({ model }) => model ?? []);
  return [
    ...[row.id, row.at, row.service, row.agent_id ?? null, row.key_id, row.run_id, row.outcome],
    ...[charge.units, unitsOf(charge.unitPriceMicros), unitsOf(charge.micros)],
    ...Object.values(tokensView(spend)),
    ...[models.join(" "), row.note ?? null],
  ];
}

function tokensView(usage: Usage | null): Readonly<Record<keyof typeof tokenFields, Cell>> {
  const spend = usage?.spendMicros;
  return {
    prompt_tokens: usage?.promptTokens ?? 0,
    completion_tokens: usage?.completionTokens ?? 0,
    cached_tokens: usage?.cachedTokens ?? 0,
    reasoning_tokens: usage?.reasoningTokens ?? 0,
    spend: spend === undefined ? null : unitsOf(spend),
  };
}
