// What happens after a turn of an agent with memory, where nobody waits for it: the turn's messages
// become findable, what was recalled is noted, and, when the agent wants it, a model finds facts to
// keep. A durable run of the conversation; and the run that forgets a deleted conversation.

import { defineRun, type RunContext, type StepOptions, type Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { messageTokens } from "../answer/history.ts";
import { callerOf } from "../caller.ts";
import { loadAgent } from "../compiled.ts";
import { guardOf } from "../guard/guard-of.ts";
import { heldTo } from "../guard/guarded.ts";
import { limits } from "../limits.ts";
import { operationPricesMicros } from "../money/catalogue.ts";
import {
  type Charged,
  chargedOf,
  chargeLinesAt,
  giveBack,
  isUsedUp,
  type UsedUp,
} from "../money/charges.ts";
import type { Payer } from "../money/lines.ts";
import { purseAddress } from "../money/messages.ts";
import { spentOn } from "../money/spent.ts";
import type { LlmRequest, Ports, Usage } from "../ports.ts";
import type { TakeMessage } from "../purse.ts";
import {
  type ChatEvent,
  freshLedgerTable,
  type LedgerRow,
  type MessageRecord,
  messageKey,
} from "../records/conversation.ts";
import { chargeOf } from "../records/price.ts";
import {
  operationsAt,
  TENANT_PRICES,
  type TenantPrices,
  tenantPricesTable,
} from "../records/tenant-prices.ts";
import { type Meter, metered, payerOf } from "../spend.ts";
import { ownerOf } from "../turn-input.ts";
import { extractRequest, type FoundFact, factsOf } from "./extract.ts";
import type { MemoryScope, MemoryWritten } from "./memories.ts";
import { acceptedMs, memoryOf, type RunMemory, recallAll } from "./recall.ts";
import {
  type ForgetInput,
  forgetKind,
  type MemoryTurnInput,
  memoryTurnKind,
} from "./turn-input.ts";

/** Service of ledger rows of calls that nobody asked for by a request. */
export const memoryService = "memory";

/** A provider or a disk that is down is asked again for some minutes. */
const PATIENT = { times: 8, minMs: 1_000, maxMs: 60_000 } as const;
const safe = { repeat: "safe", retry: PATIENT } as const satisfies StepOptions<unknown>;

/** What a turn was good for. */
export interface MemoryTurnResult {
  readonly written: readonly MemoryWritten[];
  /** Why nobody looked for facts. */
  readonly skipped?: UsedUp;
}

/** What a run has bought, and got. */
interface Bill {
  readonly payer: Payer;
  /** What was taken; a start with other prices changes nothing of it. */
  priceMicros: number;
  charged?: Charged;
  isPaid: boolean;
  isDelivered: boolean;
  spend: Usage | null;
}

/** The books of a run. */
interface Books {
  readonly meter: Meter;
  readonly bill: Bill;
}

/** Kind `memory-turn`. */
export const memoryTurnRun = defineRun<MemoryTurnInput, MemoryTurnResult, Ports>({
  kind: memoryTurnKind,
  async run(input, context) {
    const payer = payerOf(input);
    const bill: Bill = { payer, priceMicros: 0, isPaid: false, isDelivered: false, spend: null };
    context.atEnd((write) => settle(context, write, bill));
    const done = await metered(context, payer, async (meter) =>
      takeIn(input, await heldTo(context, input, meter), { meter, bill }),
    );
    // Of a run that does not complete, the meter writes down what it spent.
    bill.spend = done.spend;
    const { written, skipped } = done;
    return { written, ...(skipped === undefined ? {} : { skipped }) };
  },
});

/** Kind `memory-forget`. */
export const memoryForgetRun = defineRun<ForgetInput, null, Ports>({
  kind: forgetKind,
  async run({ agent, user, conversation }, context) {
    const scope = { tenant: context.tenant, agent, user };
    const forget = async (): Promise<null> => {
      await context.ports.memories.forgetConversation(scope, conversation);
      return null;
    };
    return await context.step("forget", forget, { ...safe, timeoutMs: limits.memoryRunMs });
  },
});

interface Learned extends MemoryTurnResult {
  readonly spend: Usage | null;
}

/** What can be done is done: neither part waits for the other, nor fails with it. */
async function takeIn(
  input: MemoryTurnInput,
  context: RunContext<Ports>,
  books: Books,
): Promise<Learned> {
  const { agent } = await loadAgent(context, input);
  const memory = memoryOf(context.tenant, agent, input.user);
  if (memory === null) return nothing;
  const model = agent.model_name ?? "";
  const [noted, learned] = await Promise.allSettled([
    note(input, context, memory),
    learn(input, context, { memory, model, books }),
  ]);
  if (noted.status === "rejected") throw noted.reason;
  if (learned.status === "rejected") throw learned.reason;
  return learned.value;
}

const nothing: Learned = { written: [], spend: null };

/** Notes what was recalled, and makes the messages findable. */
async function note(
  input: MemoryTurnInput,
  context: RunContext<Ports>,
  { read, settings }: RunMemory,
): Promise<void> {
  const { memories } = context.ports;
  if (settings.history) await context.step("history", () => addHistory(input, context), safe);
  if (input.recalled.length === 0) return;
  const noteAll = async (): Promise<null> => {
    for (const scope of read) await memories.recalled(scope, input.recalled);
    return null;
  };
  await context.step("recalled", noteAll, safe);
}

/** Finds facts and keeps them, when the agent wants it and there is a model and somebody to remember. */
async function learn(
  input: MemoryTurnInput,
  context: RunContext<Ports>,
  { memory, model, books }: Pick<Extraction, "memory" | "model" | "books">,
): Promise<Learned> {
  const { scope, settings } = memory;
  if (scope === null || !settings.extract || context.ports.llm.isBuiltin(model)) return nothing;
  const said = await messagesOf(input, context);
  const user = said.filter(({ role }) => role === "user").map(({ content }) => content);
  // The conversation was deleted meanwhile.
  if (user.length === 0) return nothing;
  const reason = await pay(context, books.bill);
  if (reason !== null) {
    context.emit("skipped", { type: "memory_skipped", reason } satisfies ChatEvent);
    return { ...nothing, skipped: reason };
  }
  const wanted = { memory, model, books, input, user: user.join("\n") };
  const { facts, usage: spend } = await extract(context, wanted);
  return { written: await keep(context, { ...memory, scope }, facts, said), spend };
}

/** Pays for the call; else why it cannot. */
async function pay(context: RunContext<Ports>, bill: Bill): Promise<UsedUp | null> {
  const own = (await context.row(tenantPricesTable, TENANT_PRICES)) as TenantPrices | undefined;
  const { operations } = context.ports.prices;
  const { memoryExtract: priceMicros } =
    own === undefined ? operations : operationsAt(own, operations, await context.now("price-at"));
  const charges = await chargeLinesAt(context, "pay-at", bill.payer);
  const message: TakeMessage = { type: "take", priceMicros, charges };
  try {
    const taken = await context.ask("pay", purseAddress(context.self), message);
    bill.priceMicros = (taken as number | null) ?? operationPricesMicros.memoryExtract;
    bill.charged = chargedOf(charges, bill.priceMicros);
  } catch (error) {
    if (error instanceof RuntimeError && isUsedUp(error.code)) return error.code;
    throw error;
  }
  bill.isPaid = true;
  return null;
}

/** The messages of the turn. They never change, but may be deleted. */
async function messagesOf(
  { sequences, answer }: MemoryTurnInput,
  context: RunContext<Ports>,
): Promise<readonly MessageRecord[]> {
  const first = Math.min(...sequences, answer);
  const rows = await context.records(ownerOf(context.self, "conversation"), {
    from: messageKey(first),
    to: messageKey(answer + 1),
    limit: 4 * limits.conversationWaiting,
  });
  const wanted = new Set([...sequences, answer]);
  return rows
    .map(({ value }) => value as MessageRecord)
    .filter(({ sequence }) => wanted.has(sequence));
}

async function addHistory(input: MemoryTurnInput, context: RunContext<Ports>): Promise<null> {
  const { tenant, self } = context;
  const { agent, user = null } = input;
  const conversation = addressParts(self).root;
  const messages = (await messagesOf(input, context)).map((message) => ({
    conversation,
    sequence: message.sequence,
    role: message.role,
    text: message.content,
    atMs: Date.parse(message.created_at),
  }));
  await context.ports.memories.addHistory({ tenant, agent, user }, messages, acceptedMs(context));
  return null;
}

interface Extraction {
  readonly memory: RunMemory;
  readonly model: string;
  readonly books: Books;
  readonly input: MemoryTurnInput;
  readonly user: string;
}

async function extract(
  context: RunContext<Ports>,
  { memory, model, books, input, user }: Extraction,
): Promise<{ readonly facts: readonly FoundFact[]; readonly usage: Usage }> {
  const { memories, llm } = context.ports;
  const { meter, bill } = books;
  const { read, settings } = memory;
  const { halfLifeDays, entryChars } = settings.bounds;
  const topK = limits.memoryKnown;
  const known = await context.step(
    "known",
    () => recallAll(memories, read, { query: user, topK, threshold: 0.1, halfLifeDays }),
    safe,
  );
  const before = await answerBefore(input, context);
  const request = extractRequest(model, { user, before }, known);
  const tokens = request.messages.reduce((sum, message) => sum + messageTokens(message), 0);
  const ask = (paid: LlmRequest) =>
    context.step(
      "extract",
      async (attempt) => {
        meter.reserve("extract", tokens, attempt.number, model);
        const result = await llm.complete(paid, {
          caller: callerOf(context, meter.budgets.attempts("extract")),
          signal: attempt.signal,
        });
        const usage = spentOn(context.ports.prices, model, result.usage, result);
        const facts = factsOf(result.text, known, entryChars);
        if (guardOf(context) === null) return { facts, usage };
        const { guardedFacts } = await import("./guarded-facts.ts");
        return { ...(await guardedFacts(context, facts, attempt)), usage };
      },
      { ...safe, timeoutMs: limits.modelCallMs },
    );
  const found = await meter.budgets.pay("extract", request, ask);
  meter.settle("extract", found.usage);
  bill.isDelivered = true;
  return found;
}

/** What the assistant said before, which the user may have replied to. */
async function answerBefore(
  { sequences }: MemoryTurnInput,
  context: RunContext<Ports>,
): Promise<string> {
  const first = Math.min(...sequences);
  if (first <= 1) return "";
  const rows = await context.records(ownerOf(context.self, "conversation"), {
    from: messageKey(0),
    to: messageKey(first),
    limit: 1,
    reverse: true,
  });
  const last = rows[0]?.value as MessageRecord | undefined;
  return last?.role === "assistant" ? last.content : "";
}

async function keep(
  context: RunContext<Ports>,
  { scope, settings }: RunMemory & { readonly scope: MemoryScope },
  facts: readonly FoundFact[],
  said: readonly MessageRecord[],
): Promise<readonly MemoryWritten[]> {
  const { memories } = context.ports;
  const source = {
    conversation_key: addressParts(context.self).root,
    message_id: said.findLast(({ role }) => role === "user")?.id ?? null,
  };
  const written: MemoryWritten[] = [];
  for (const [at, fact] of facts.entries()) {
    const key = `keep:${at + 1}`;
    const operation = { id: `${context.id}/${key}`, sinceMs: acceptedMs(context) };
    const write = { ...fact, source, writtenBy: "extraction" } as const;
    const done = await context.step(
      key,
      () => memories.write(scope, write, settings.bounds, operation),
      safe,
    );
    const { id, status } = done;
    context.emit(`kept:${at + 1}`, { type: "memory_written", id, status } satisfies ChatEvent);
    written.push(done);
  }
  return written;
}

/**
 * What was paid and got stands in the tenant's books with the run's end, like an answer; what was not got is
 * given back.
 */
function settle(
  { id: run_id }: RunContext<Ports>,
  write: Pick<Turn, "putRow" | "add" | "newId" | "nowMs">,
  { payer, priceMicros, charged, isPaid, isDelivered, spend }: Bill,
): void {
  if (!isPaid) return;
  if (!isDelivered) giveBack(write, priceMicros, charged);
  const id = write.newId("le");
  const row: LedgerRow = {
    id,
    at: new Date(write.nowMs).toISOString(),
    service: memoryService,
    run_id,
    key_id: payer.keyId,
    agent_id: payer.agent,
    charge: chargeOf(priceMicros, isDelivered ? 1 : 0),
    spend,
    outcome: isDelivered ? "completed" : "failed",
  };
  write.putRow(freshLedgerTable, id, row);
}
