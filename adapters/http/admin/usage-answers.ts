// How usage and the ledger are answered: what is fresh is taken in, then sums or rows are read and shown.

import { addSums, emptySum, type UsageSum } from "../../../actors/money/sums.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type Cell, csv, wantsCsv } from "../csv.ts";
import { timeOf } from "../query-time.ts";
import { json } from "../reply.ts";
import type { RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { ledgerRows, listLedger } from "../services/ledger-rows.ts";
import { balanceOf } from "../services/money.ts";
import { pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { BATCHES_OF_READ } from "../services/usage-books.ts";
import {
  type PeriodSum,
  readUsage,
  type UsageRequest,
  usageRequest,
} from "../services/usage-reader.ts";
import { shown } from "./common.ts";
import { ledgerFilters } from "./usage-schemas.ts";
import {
  ledgerCells,
  ledgerColumns,
  ledgerView,
  serviceView,
  sumColumns,
  sumView,
} from "./usage-views.ts";

/** Groups of one answer in JSON; CSV has all. */
const GROUPS_SHOWN = 2_000;
const ledgerPath = "/admin/ledger";

type Asked = Pick<RouteContext, "query" | "request">;

/** Of a tenant. @throws INVALID. */
export async function answerUsage(
  { system, prices, books }: Services,
  tenant: string,
  { query, request }: Asked,
): Promise<HttpResponse> {
  const asked = usageRequest(query);
  formatOf(query);
  const isBehind = await takenIn(books, tenant);
  const place = { tables: system.tables, tenant };
  if (wantsCsv({ query, header: (name) => request.header(name) })) {
    const head = [...labelsOf(asked), ...sumColumns];
    return csv(`usage-${tenant}`, head, cellsOf(readUsage(place, asked), asked));
  }
  const whole = { ...asked, granularity: "total" } as const;
  const [byService, all] = [
    { ...whole, groupBy: "service" },
    { ...whole, groupBy: "day" },
  ] as const;
  const services: object[] = [];
  for await (const { sum } of readUsage(place, byService)) {
    services.push(serviceView(sum.value ?? "", sum));
  }
  let total: UsageSum = emptySum(null);
  for await (const { sum } of readUsage(place, all)) total = addSums(total, sum);
  const data: object[] = [];
  let isCut = isBehind;
  for await (const one of readUsage(place, asked)) {
    if (data.length === GROUPS_SHOWN) {
      isCut = true;
      break;
    }
    data.push({ ...labelled(one, asked), ...sumView(one.sum) });
  }
  return json(200, {
    tenant,
    balance: unitsOf(await balanceOf(system, tenant)),
    unit: prices.unit,
    services,
    group_by: asked.groupBy,
    granularity: asked.granularity,
    total: sumView(total),
    data,
    is_cut: isCut,
  });
}

/** Of a tenant. @throws INVALID. */
export async function answerLedger(
  { system, books }: Services,
  tenant: string,
  { query, request }: Asked,
): Promise<HttpResponse> {
  const page = pageRequest(query, ledgerPath);
  const [service, agent_id, key_id, run_id, outcome] = ledgerFilters.map((name) => query.get(name));
  const filter = {
    ...{ service: service ?? null, agent_id: agent_id ?? null, key_id: key_id ?? null },
    ...{ run_id: run_id ?? null, outcome: outcome ?? null },
    ...{ fromMs: timeOf(query, "from"), toMs: timeOf(query, "to") },
  };
  formatOf(query);
  await takenIn(books, tenant);
  const place = { tables: system.tables, tenant };
  if (wantsCsv({ query, header: (name) => request.header(name) })) {
    return csv(`ledger-${tenant}`, ledgerColumns, mapped(ledgerRows(place, filter), ledgerCells));
  }
  const { items, next } = await listLedger(place, page, filter);
  return shown(ledgerPath, { items: items.map(ledgerView), next });
}

/** Takes in what is fresh. A full disk is no reason not to read what has been. @returns whether some is left. */
async function takenIn(books: Services["books"], tenant: string): Promise<boolean> {
  try {
    return (await (await books()).takeIn(tenant, BATCHES_OF_READ)).isBehind;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "STORE_FULL") return true;
    throw error;
  }
}

/** @throws INVALID for a format that is none. */
function formatOf(query: URLSearchParams): void {
  const format = query.get("format");
  if (format === null || format === "csv" || format === "json") return;
  throw new RuntimeError("INVALID", "format must be json or csv.", { parameter: "format" });
}

function labelsOf({ groupBy, granularity }: UsageRequest): readonly string[] {
  return [
    ...(granularity === "total" ? [] : [granularity]),
    ...(groupBy === "day" ? [] : [groupBy]),
  ];
}

/** What a sum is of: its day or month where they are told apart, and its group. */
function labelled({ period, sum }: PeriodSum, { groupBy, granularity }: UsageRequest) {
  return {
    ...(granularity === "total" ? {} : { [granularity]: period }),
    ...(groupBy === "day" ? {} : { [groupBy]: sum.value }),
  };
}

async function* cellsOf(
  rows: AsyncIterable<PeriodSum>,
  asked: UsageRequest,
): AsyncGenerator<readonly Cell[]> {
  for await (const one of rows) {
    yield [...Object.values(labelled(one, asked)), ...Object.values(sumView(one.sum))];
  }
}

async function* mapped<T, U>(rows: AsyncIterable<T>, to: (row: T) => U): AsyncGenerator<U> {
  for await (const row of rows) yield to(row);
}
