// kill -9 of the real process, again and again, while Slack and WhatsApp deliver everything more than once: never
// two visible replies to a message, one to each that was acknowledged and whose send could be asked about, and
// what nobody can know of is listed as unknown.

import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../../runtime/testkit/schedule.ts";
import {
  listed,
  loopback,
  made,
  madeAgent,
  sayAtSlack,
  slackChannel,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import { deliverEvent } from "../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../support/channels/slack-server.ts";
import { freePort, killed } from "../support/channels/storm.ts";
import {
  type WhatsAppOf,
  whatsappChannel,
  whatsappFor,
} from "../support/channels/whatsapp-product.ts";
import type { Product } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const SEED = 8;
const KILLS = 20;
const LIFE_MS = [100, 800] as const;
const PLACES = 10;
/** Messages of each platform. */
const MESSAGES = 80;
/** Between two messages of a platform, ms: they last as long as the kills do. */
const EVERY_MS = 400;
/** The platforms' schedules run so many times as fast. */
const SCALE = 40;
/** What the agent and the platforms take, ms: some are under way at each kill. */
const AGENT_MS = 150;
const PLATFORM_MS = 120;
const SETTLED_MS = 60_000;

let product: Product;
let slack: SlackServer;
let meta: WhatsAppOf;
let slackDesk = "";
let metaDesk = "";
const random = seeded(SEED);

beforeAll(async () => {
  slack = await startSlack();
  const port = await freePort();
  product = await startChannelProduct({
    config: loopback,
    env: { TROUPE_PORT: String(port), TROUPE_WORKERS: "1" },
  });
  meta = await whatsappFor(product, { factor: SCALE });
  product.provider.otherwise({ firstByteMs: AGENT_MS });
  slack.answerMs = () => random() * 2 * PLATFORM_MS;
  meta.server.answerMs = () => random() * 2 * PLATFORM_MS;
  for (let n = 1; n <= PLACES; n += 1) slack.workspace.rooms.set(`CSTORM${n}`, []);
  const agent = await madeAgent(product);
  const many = { replies_per_hour: 10_000, messages_per_minute: 10_000 };
  slackDesk = await made(product, "/v2/channels", slackChannel(slack, agent, many));
  metaDesk = await made(product, "/v2/channels", {
    ...whatsappChannel(meta.server, agent),
    ...many,
  });
});
afterAll(async () => {
  await product.end();
  await slack.stop();
  await meta.server.stop();
});

/** Somebody's messages, by a mark that the answer repeats; whether each was acknowledged. */
type Said = Map<string, boolean>;

/** Says things at Slack: each is delivered by its schedule, twice at once, and once more later. */
async function slackStorm(said: Said): Promise<void> {
  const url = `${product.url}/gateway/slack/${slackDesk}`;
  const threads = new Map<string, string>();
  const deliveries: Promise<void>[] = [];
  for (let n = 0; n < MESSAGES; n += 1) {
    const mark = `s${n}.`;
    const room = `CSTORM${1 + (n % PLACES)}`;
    // Some go on in a thread that is being answered.
    const thread = random() < 0.4 ? threads.get(room) : undefined;
    const one = sayAtSlack(slack, mark, { room, ...(thread !== undefined && { thread }) });
    if (thread === undefined) threads.set(room, one.ts);
    said.set(mark, false);
    const deliver = async (afterMs: number): Promise<void> => {
      await pause(afterMs);
      const attempts = await deliverEvent(url, one.envelope, { scale: SCALE, timeoutMs: 3_000 });
      if (attempts.some(({ result }) => result === 200)) said.set(mark, true);
    };
    deliveries.push(deliver(0), deliver(random() * 20), deliver(random() * 5_000));
    await pause(EVERY_MS * (0.5 + random()));
  }
  await Promise.all(deliveries);
}

/** The same at WhatsApp, whose webhooks come until they are taken. */
async function metaStorm(said: Said): Promise<void> {
  meta.server.deliver = async (webhook) => {
    const two = [0, random() * 20].map(async (afterMs) => {
      await pause(afterMs);
      return await meta.give(metaDesk, webhook).catch(() => 0);
    });
    const statuses = await Promise.all(two);
    const isTaken = statuses.includes(200);
    const [, mark] = /"body":"(m\d+\.)"/.exec(webhook.body.toString()) ?? [];
    if (isTaken && mark !== undefined) said.set(mark, true);
    // One that was taken may come once more all the same.
    return isTaken && random() < 0.8 ? 200 : 500;
  };
  for (let n = 0; n < MESSAGES; n += 1) {
    const mark = `m${n}.`;
    said.set(mark, false);
    const phone = `1650555${String(1_000 + (n % PLACES))}`;
    meta.server.say({ phone }, { type: "text", text: { body: mark } });
    await pause(EVERY_MS * (0.5 + random()));
  }
  await until(
    () => [...said.values()].filter((taken) => !taken).length,
    (left) => left === 0,
    SETTLED_MS,
  );
}

/** How often people see an answer to each mark. */
function seen(texts: readonly string[], said: Said): ReadonlyMap<string, number> {
  const counts = new Map<string, number>([...said.keys()].map((mark) => [mark, 0]));
  for (const text of texts) {
    const [mark = ""] = /[sm]\d+\./.exec(text) ?? [];
    counts.set(mark, (counts.get(mark) ?? 0) + 1);
  }
  return counts;
}

const slackTexts = (): readonly string[] =>
  [...slack.workspace.rooms.keys()].flatMap((room) =>
    slack.workspace.saidByBot(room).map(({ text }) => text),
  );
const metaTexts = (): readonly string[] =>
  meta.server.taken.map(({ message }) => JSON.stringify(message));

/** Nothing waits any more: what is listed as unknown. */
async function settled(
  desk: string,
  said: Said,
  texts: () => readonly string[],
): Promise<readonly string[]> {
  const of = (status: string) => listed(product, desk, `deliveries?status=${status}`);
  const marksOf = (rows: readonly Json[]): readonly string[] =>
    rows.map(({ text }) => /[sm]\d+\./.exec(text)?.[0] ?? text);
  await until(
    async () => {
      const open = [...(await of("pending")), ...(await of("sending"))].length;
      const unknown = new Set(marksOf(await of("unknown")));
      const counts = seen(texts(), said);
      const missing = [...said].filter(
        ([mark, isTaken]) => isTaken && counts.get(mark) === 0 && !unknown.has(mark),
      );
      return [open, ...missing.map(([mark]) => mark)];
    },
    (left) => left.length === 1 && left[0] === 0,
    SETTLED_MS,
  );
  for (const status of ["failed", "expired", "needs_template"])
    expect(await of(status)).toEqual([]);
  return marksOf(await of("unknown"));
}

test("20 times kill -9 under repeats: nobody sees two answers, and who sees none is listed", {
  timeout: 240_000,
}, async () => {
  const startMs = Date.now();
  const atSlack: Said = new Map();
  const atMeta: Said = new Map();

  await Promise.all([
    slackStorm(atSlack),
    metaStorm(atMeta),
    killed(product, { kills: KILLS, lifeMs: LIFE_MS, random }),
  ]);
  const stormMs = Date.now() - startMs;
  const slackUnknown = await settled(slackDesk, atSlack, slackTexts);
  const metaUnknown = await settled(metaDesk, atMeta, metaTexts);

  const slackSeen = seen(slackTexts(), atSlack);
  const metaSeen = seen(metaTexts(), atMeta);
  const taken = [...atSlack.values(), ...atMeta.values()].filter((isTaken) => isTaken).length;
  console.log(
    `channels-kill.test: ${2 * MESSAGES} messages, ${taken} acknowledged, ` +
      `${slackUnknown.length + metaUnknown.length} unknown; ${stormMs} ms, settled after ${Date.now() - startMs - stormMs}`,
  );
  const doubled = [...slackSeen, ...metaSeen].filter(([, count]) => count > 1);
  expect(doubled).toEqual([]);
  // Slack can be asked what became of a message; nobody is left without an answer.
  expect(slackUnknown).toEqual([]);
  const unanswered = (said: Said, counts: ReadonlyMap<string, number>) =>
    [...said].filter(([mark, isTaken]) => isTaken && counts.get(mark) === 0).map(([mark]) => mark);
  expect(unanswered(atSlack, slackSeen)).toEqual([]);
  for (const mark of unanswered(atMeta, metaSeen)) expect(metaUnknown).toContain(mark);
  expect(new Set(metaUnknown).size).toBe(metaUnknown.length);
});
