// How soon is a platform answered when a thousand messages a second come in, and what does a session cost that
// nobody uses? Slack's events, signed, each of one of many people; they are acknowledged when they are on disk
// in their session. Agents are left out: the channel is closed for the night, so that what is heard waits.

import { readFileSync } from "node:fs";
import { type Bench, median, type Question, type Row, row } from "../question.ts";
import { Connection } from "../support/client.ts";
import { p99Of } from "../support/paced.ts";
import { SIGNING_SECRET, slackEvent } from "../support/slack-event.ts";
import { startTroupe, type Troupe } from "../support/troupe.ts";

const PER_SECOND = 1_000;
const SECONDS = 10;
const SECONDS_QUICK = 3;
const CONNECTIONS = 50;
const PEOPLE = 5_000;
const SESSIONS = 100_000;
const SESSIONS_QUICK = 5_000;
/** Requests under way while sessions are made. */
const FILLING = 64;
/** An actor that nobody needs leaves the memory after 30 s; a thread at rest is collected at two looks, 20 s apart. */
const REST_MS = 90_000;
const P99_MS = 50;
const IDLE_MB = 200;
const MB = 1024 * 1024;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A closed channel; its path. */
async function channel(troupe: Troupe): Promise<string> {
  await troupe.call("POST", "/admin/tenants/tn_default/credit", { amount: 1_000_000 });
  const { id: agent } = await troupe.call("POST", "/v2/agents", { name: "Desk" });
  const { id } = await troupe.call("POST", "/v2/channels", {
    ...{ name: "bench", kind: "slack", agent, messages_per_minute: 10_000 },
    settings: { bot_user_id: "U0BOT", api_url: "http://127.0.0.1:9/api" },
    secrets: { signing_secret: SIGNING_SECRET, bot_token: "xoxb-bench" },
    business_hours: { time_zone: "UTC", open: [`${otherDay()} 00:00-00:01`] },
  });
  return `/gateway/slack/${id}`;
}

/** A day that is neither today nor tomorrow. */
function otherDay(): string {
  const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
  return days[(new Date().getUTCDay() + 3) % days.length] ?? "sun";
}

/** Numbers of all events, so that none is a repeat. */
let events = 0;

/** Latencies in ms at the pace. */
async function paced(troupe: Troupe, path: string, seconds: number): Promise<number[]> {
  const perConnection = PER_SECOND / CONNECTIONS;
  const all = await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, at) => {
      const connection = new Connection({ port: troupe.port });
      await connection.open();
      const latencyMs: number[] = [];
      const begun = performance.now() + (at * 1_000) / PER_SECOND;
      for (let sent = 0; sent < perConnection * seconds; sent += 1) {
        await wait(Math.max(0, begun + (sent * 1_000) / perConnection - performance.now()));
        latencyMs.push(await event(connection, path, events % PEOPLE));
      }
      connection.close();
      return latencyMs;
    }),
  );
  return all.flat();
}

async function event(connection: Connection, path: string, person: number): Promise<number> {
  events += 1;
  const { status, latencyUs } = await connection.send(slackEvent(path, person, events));
  if (status !== 200) throw new Error(`An event was answered ${status}.`);
  return latencyUs / 1_000;
}

/** Has so many people speak once. @returns events a second. */
async function fill(troupe: Troupe, path: string, sessions: number): Promise<number> {
  let next = PEOPLE;
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: FILLING }, async () => {
      const connection = new Connection({ port: troupe.port });
      await connection.open();
      while (next < PEOPLE + sessions) {
        next += 1;
        await event(connection, path, next);
      }
      connection.close();
    }),
  );
  return (sessions * 1_000) / (performance.now() - begun);
}

/** The process's own memory: pages of the store's files are the kernel's, which takes them back when it needs them. */
function ownMb({ running: { pid } }: Troupe): number {
  const [, kb = "0"] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kb) * 1_024) / MB;
}

/** The question. */
export const channelAcks: Question = {
  name: "channel-acks",
  async run(bench: Bench): Promise<readonly Row[]> {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const path = await channel(troupe);
      await paced(troupe, path, 2);
      const seconds = bench.isQuick ? SECONDS_QUICK : SECONDS;
      const [p99s, p50s]: [number[], number[]] = [[], []];
      for (let round = 0; round < bench.rounds; round += 1) {
        const latencyMs = await paced(troupe, path, seconds);
        p99s.push(p99Of(latencyMs));
        p50s.push(median(latencyMs));
        bench.say(`p50 ${p50s.at(-1)?.toFixed(1)} ms, p99 ${p99s.at(-1)?.toFixed(1)} ms`);
      }
      await wait(REST_MS);
      const before = ownMb(troupe);
      const sessions = bench.isQuick ? SESSIONS_QUICK : SESSIONS;
      const perSecond = await fill(troupe, path, sessions);
      await wait(REST_MS);
      const grown = ownMb(troupe) - before;
      bench.say(`${sessions} sessions at ${perSecond.toFixed(0)}/s, ${grown.toFixed(0)} MB`);
      return [
        row(`ms until a message is acknowledged, p99, at ${PER_SECOND}/s`, p99s, {
          goal: `< ${P99_MS} ms`,
          holds: (figure) => figure < P99_MS,
          note: `p50 ${median(p50s).toFixed(1)} ms; signed events of ${PEOPLE} people, on disk`,
        }),
        row("messages a second that are taken in, new people", [perSecond], {
          note: `${FILLING} under way`,
        }),
        row(`MB that ${sessions} idle sessions take`, [grown], {
          goal: `< ${IDLE_MB} MB`,
          holds: (figure) => figure < IDLE_MB,
        }),
      ];
    } finally {
      await troupe.stop();
    }
  },
};
