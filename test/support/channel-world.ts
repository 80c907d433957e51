// A platform, an agent that echoes, and the sessions and lanes between them, in one simulated system. The
// platform survives every crash; what it shows is what people see.

import { tellAskers } from "../../actors/answered.ts";
import type { ChannelInput } from "../../actors/channels/channel.ts";
import { deliveryRun } from "../../actors/channels/delivery.ts";
import { type DeliveryRow, deliveriesTable } from "../../actors/channels/delivery-row.ts";
import type { Inbound, MessageEvent } from "../../actors/channels/inbound.ts";
import { laneActor } from "../../actors/channels/lane.ts";
import type { Part, Receipt, Reconciled, SendResult } from "../../actors/channels/outgoing.ts";
import type {
  ChannelAsk,
  ChannelDecision,
  Channels,
  PartSend,
} from "../../actors/channels/port.ts";
import { sessionActor } from "../../actors/channels/session.ts";
import { askRun } from "../../actors/channels/session-ask.ts";
import { stopRun } from "../../actors/channels/session-commands.ts";
import { decideRun } from "../../actors/channels/session-decide.ts";
import { inboundMessage, type Verdict } from "../../actors/channels/session-message.ts";
import type { Removals } from "../../actors/ports.ts";
import { removalActor, removeRestRun } from "../../actors/removal.ts";
import type { Heard } from "../../actors/triggers/listeners.ts";
import { TRIGGER_KIND } from "../../actors/triggers/state.ts";
import { leftRows } from "../../adapters/channels/left-rows.ts";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

export const tenant = "tn_1";
export const channelId = "ch_1";

/** One message that people see. */
export interface Shown {
  readonly key: string;
  text: string;
  readonly to: string;
}

/** The platform, and what it does wrong. */
export interface Platform {
  readonly shown: Shown[];
  /** Calls, with those that failed. */
  calls: number;
  /** How a call is answered; null: it arrives. `lost`: it arrives, and the answer does not. */
  answer: (send: PartSend, call: number) => SendResult | "lost" | null;
  /** Whether it can be asked what became of a call. */
  canBeAsked: boolean;
  /** Times at which it was asked, ms, and what it says instead of what is so; null: that. */
  readonly askedAtMs: number[];
  instead: (send: PartSend, question: number) => Reconciled | null;
  /** How an answer is cut. */
  cut: (text: string) => readonly string[];
  /** What an ask is refused with; null: it is taken. */
  refuse: (ask: ChannelAsk) => RuntimeError | null;
  /** How long the agent takes, ms. */
  agentMs: number;
  readonly asked: ChannelAsk[];
  /** Runs that answer them. */
  readonly runs: string[];
  readonly decided: ChannelDecision[];
  readonly rendered: string[];
  template: Part | null;
}

/** One where all goes well. */
export const platform = (more: Partial<Platform> = {}): Platform => ({
  ...{ shown: [], calls: 0, answer: () => null, canBeAsked: true, cut: (text) => [text] },
  ...{ askedAtMs: [], instead: () => null },
  ...{
    refuse: () => null,
    agentMs: 100,
    asked: [],
    runs: [],
    decided: [],
    rendered: [],
    template: null,
  },
  ...more,
});

const CALL_MS = 30;

type Page = Parameters<Removals["rowsOf"]>[1];

interface EchoAsk {
  readonly type: "ask";
  readonly ask: ChannelAsk;
}

interface Echoed {
  readonly runs: Readonly<Record<string, { readonly run: string; readonly ask: ChannelAsk }>>;
}

/** Stands for a conversation: each question is a run, asked once under its key, told of in its end. */
const echoActor = defineActor<Echoed, EchoAsk | RunEnded>({
  kind: "conversation",
  version: 1,
  initial: () => ({ runs: {} }),
  receive(state, message, turn) {
    if (message.type === "ask") {
      const { ask } = message;
      const known = state.runs[ask.key];
      if (known !== undefined) {
        turn.reply({ run: known.run });
        return state;
      }
      const run = turn.startRun({ kind: "echo", input: ask, timeoutMs: 86_400_000 });
      turn.reply({ run });
      return { runs: { ...state.runs, [ask.key]: { run, ask } } };
    }
    const [, entry] = Object.entries(state.runs).find(([, { run }]) => run === message.run) ?? [];
    if (entry === undefined) return state;
    const { session, question } = entry.ask;
    const text =
      message.outcome.status === "completed" ? String(message.outcome.result) : undefined;
    const tells = [{ asker: session, ask: question }];
    tellAskers(turn, { run: message.run, tells }, { outcome: message.outcome, text });
    return state;
  },
});

const echoRun = defineRun<ChannelAsk, string, { readonly agentMs: () => number }>({
  kind: "echo",
  run: async ({ text }, context) => {
    await context.sleep("think", context.ports.agentMs());
    return `You said: ${text}`;
  },
});

/** Writes rows that others write. */
const rowsActor = defineActor<
  null,
  { readonly table: string; readonly id: string; readonly value: unknown }
>({
  kind: "rows",
  version: 1,
  initial: () => null,
  receive(state, { table, id, value }, turn) {
    turn.putRow(table, id, value);
    turn.reply(null);
    return state;
  },
});

/** Table of what triggers were told, each time. */
export const heardTable = "heard";

/** Stands for a trigger. */
const heardActor = defineActor<number, Heard>({
  kind: TRIGGER_KIND,
  version: 1,
  initial: () => 0,
  receive(count, heard, turn) {
    turn.putRow(heardTable, `${count}`, heard);
    return count + 1;
  },
});

/** A system with one channel. */
export class ChannelWorld {
  readonly system: TestSystem;
  readonly platform: Platform;

  constructor(made: Platform, onWrite?: (system: TestSystem) => void, seed = 7) {
    this.platform = made;
    const portsFor = (place: { clock: Clock; isAlive(): boolean }) => ({
      channels: this.#channels(place),
      agentMs: () => made.agentMs,
      removals: {
        rowsOf: async (_: string, page: Page) => this.#ids(page),
        channelRows: (_: string, channel: string, limit: number) =>
          leftRows(async (page) => this.#ids(page), channel, { limit, nowMs: place.clock.now() }),
      },
    });
    this.system = new TestSystem({
      ...{ seed, workers: 2, delayMs: 2, reads: "at once", portsFor },
      definitions: [
        ...[sessionActor, laneActor, askRun, stopRun, decideRun, deliveryRun],
        ...[echoActor, echoRun, rowsActor, heardActor, removalActor, removeRestRun],
      ] as never,
      ...(onWrite && { onWrite: () => onWrite(this.system) }),
    });
  }

  /** Starts it, with the channel's record. */
  async start(channel: Partial<ChannelInput> = {}): Promise<void> {
    await this.system.start();
    await this.settled(this.put("channels", channelId, this.record(channel)));
  }

  record(channel: Partial<ChannelInput>): object {
    const record = { name: "test", kind: "test", agent: "ag_1", ...channel };
    return { record: { ...record, id: channelId }, version: 1 };
  }

  put(table: string, id: string, value: unknown): Promise<unknown> {
    return this.system.ask(address({ kind: "rows", tenant, root: "r" }), { table, id, value });
  }

  /** Hands an event over, once; drive it. */
  hear(event: Inbound, verdict?: Verdict): Promise<unknown> {
    const of = { tenant, channel: channelId, scope: "thread" } as const;
    const about = { dedupeHours: 24, ...(verdict && { verdict }) };
    const { to, message } = inboundMessage(of, event, about);
    return this.system.ask(to, message);
  }

  /** Drives it until the promise is settled. */
  async settled<T>(asked: Promise<T>): Promise<T> {
    let isDone = false;
    asked.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    await this.system.schedule.until(() => isDone, 300_000);
    return await asked;
  }

  rows<T>(table: string): T[] {
    const prefix = keys.table(tenant, table, "");
    const mine = this.system.disk.rows.filter(({ key }) => key.startsWith(prefix));
    return mine.map(({ value }) => decode(value) as T);
  }

  /** Ids of a table's rows. */
  ids(table: string): readonly string[] {
    return this.#ids({ table, prefix: "", after: null, limit: Number.POSITIVE_INFINITY });
  }

  #ids({ table, prefix, after, limit }: Page): readonly string[] {
    const base = keys.table(tenant, table, "");
    return this.system.disk.rows
      .map(({ key }) => key)
      .filter((key) => key.startsWith(base + prefix))
      .map((key) => key.slice(base.length))
      .filter((id) => after === null || id > after)
      .sort()
      .slice(0, limit);
  }

  deliveries(): DeliveryRow[] {
    return this.rows<DeliveryRow>(deliveriesTable);
  }

  texts(): string[] {
    return this.platform.shown.map(({ text }) => text);
  }

  #channels({ clock, isAlive }: { clock: Clock; isAlive(): boolean }): Channels {
    const world = this.platform;
    const later = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.after(CALL_MS, resolve));
      if (!isAlive()) await new Promise(() => undefined);
    };
    return {
      ask: async (ask) => {
        const refused = world.refuse(ask);
        world.asked.push(ask);
        await later();
        if (refused !== null) throw refused;
        const to = address({ kind: "conversation", tenant, root: ask.conversation });
        const { run } = (await this.system.ask(to, { type: "ask", ask })) as { run: string };
        world.runs.push(run);
        return { run, leftOut: [] };
      },
      stop: async () => 1,
      decide: async (decision) => {
        world.decided.push(decision);
        await later();
        return {} as never;
      },
      render: async ({ outgoing }) => world.cut(outgoing.text).map(partOf),
      renderPlain: async ({ outgoing }) => {
        world.rendered.push(outgoing.text);
        return world.cut(outgoing.text).map((text) => partOf(`plain ${text}`));
      },
      template: async () => world.template,
      reach: async ({ to }) => ({ conversation: to, address: { to }, withinMs: 60_000 }),
      send: async (send) => {
        world.calls += 1;
        if (send.deliverByMs !== undefined && clock.now() > send.deliverByMs) {
          return { ok: false, class: "late", reason: "too old" };
        }
        const answer = world.answer(send, world.calls);
        if (answer === null || answer === "lost") show(world, send);
        await later();
        if (answer === "lost") return { ok: false, class: "unknown", reason: "cut" };
        return answer ?? { ok: true, receipt: receiptOf(send) };
      },
      reconcile: async (send) => {
        world.askedAtMs.push(clock.now());
        const instead = world.instead(send, world.askedAtMs.length);
        await later();
        if (instead !== null) return instead;
        if (!world.canBeAsked) return { state: "unknown" };
        const isThere = world.shown.some(({ key }) => key === send.key);
        return isThere ? { state: "sent", receipt: receiptOf(send) } : { state: "not_sent" };
      },
      fileBytesMax: async () => 1_000_000,
      typing: () => undefined,
      ended: () => undefined,
    };
  }
}

function show(world: Platform, { key, part, edits, address: to }: PartSend): void {
  const text = String(part.body["text"]);
  const edited = world.shown.find((one) => `r-${one.key}` === edits?.id);
  if (edited !== undefined) edited.text = text;
  else world.shown.push({ key, text, to: String(to["room"]) });
}

const receiptOf = ({ key, edits }: PartSend): Receipt => edits ?? { id: `r-${key}` };
const partOf = (text: string): Part => ({ body: { text }, plain: text });

/** A message of a person. */
export function said(id: string, text: string, more: Partial<MessageEvent> = {}): MessageEvent {
  return {
    ...{ kind: "message", message: id, text, dedupe: [`event-${id}`, `message-${id}`], atMs: 0 },
    place: { conversation: "room", user: "ann", isDirect: true },
    address: { room: "room" },
    sender: { id: "ann", isBot: false, isSelf: false, isAutomatic: false, isVerified: true },
    ...more,
  };
}
