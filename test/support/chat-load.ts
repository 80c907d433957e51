// Clients that chat for as long as they are told, as careful clients do: each turn has an
// Idempotency-Key and is sent again, unchanged, until it is acknowledged. Every second turn is a
// stream. Afterwards what the server stored and what the provider was asked is held against it.

import type { LoggedCall } from "./fake-provider.ts";
import { CHAT, chunksOf, contentOf, type Product } from "./product.ts";
import type { Json } from "./wire-client.ts";

/** One message of a client, and what it was answered. */
export interface Turn {
  readonly marker: string;
  readonly text: string;
  readonly isStream: boolean;
  /** Times it was sent. */
  sent: number;
  run: string;
  response: string;
}

/** One conversation of a client. */
export interface Talk {
  key: string | null;
  readonly turns: Turn[];
}

/** A load under way. */
export interface Load {
  readonly talks: readonly Talk[];
  acknowledged(): number;
  /** Turns sent and not acknowledged. */
  open(): number;
  /** Streams that were told to begin again. */
  restarts(): number;
  /** Lets every client end the turn it is at. @throws what a client was refused with. */
  finish(): Promise<void>;
}

const TURNS_PER_TALK = 6;
const RETRY_MS = 20;

/** Makes the provider slow enough that calls are in flight, and answer doubts. */
export function answerLoad(product: Product): void {
  product.provider.when((call) => call.wantsJson, { json: { choice: 3, intent: "odd" } });
  product.provider.otherwise({ firstTokenMs: 15, tokenMs: 3 });
}

/** Starts clients. `names` tells loads on one server apart. */
export function startLoad(product: Product, agent: string, clients: number, name = "c"): Load {
  const talks: Talk[] = [];
  let isEnding = false;
  let [acknowledged, open, restarts] = [0, 0, 0];

  const attempt = async (talk: Talk, turn: Turn): Promise<boolean> => {
    turn.sent += 1;
    const body = {
      agent_key: agent,
      message: turn.text,
      conversation_key: talk.key,
      ...(turn.isStream ? { stream: true } : {}),
    };
    const headers = { "Idempotency-Key": turn.marker };
    if (!turn.isStream) {
      const answer = await product.call("POST", CHAT, body, { headers });
      if (answer.status >= 500) return false;
      if (answer.status !== 200) throw new Refused(answer.status, answer.body);
      return note(talk, turn, answer.body.data);
    }
    const stream = await product.events("POST", CHAT, body, { headers });
    const events = await stream.rest();
    if (stream.status >= 500) return false;
    if (stream.status !== 200) throw new Refused(stream.status, events);
    const chunks = chunksOf(events);
    const error = chunks.find((chunk) => chunk.error)?.error;
    if (error !== undefined && error.code !== "stream_restarted") throw new Refused(200, error);
    if (error !== undefined) restarts += 1;
    if (events.at(-1)?.data !== "[DONE]") return false;
    const [first] = chunks;
    return note(talk, turn, { ...first, response: contentOf(events) });
  };

  const client = async (number: number): Promise<void> => {
    for (let talkNumber = 0; !isEnding; talkNumber += 1) {
      const talk: Talk = { key: null, turns: [] };
      talks.push(talk);
      for (let n = 0; n < TURNS_PER_TALK && !isEnding; n += 1) {
        const marker = `${name}${number}-${talkNumber}-${n}.`;
        // The first message of each is one that only a model can route: a turn of two steps.
        const text =
          n === 0 ? `The thing from last week looks odd today, ${marker}` : `refund ${marker}`;
        const turn: Turn = { marker, text, isStream: n % 2 === 1, sent: 0, run: "", response: "" };
        talk.turns.push(turn);
        open += 1;
        while (!(await attempt(talk, turn).catch(refusedOnly))) await pause();
        open -= 1;
        acknowledged += 1;
      }
    }
  };

  const all = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  // Awaited by `finish`; a client that fails before must not be an unhandled rejection.
  all.catch(() => undefined);
  return {
    talks,
    acknowledged: () => acknowledged,
    open: () => open,
    restarts: () => restarts,
    finish: async () => {
      isEnding = true;
      await all;
    },
  };
}

class Refused extends Error {
  constructor(status: number, body: unknown) {
    super(`Refused with ${status}: ${JSON.stringify(body)}`);
  }
}

function note(talk: Talk, turn: Turn, data: Json): boolean {
  talk.key ??= String(data.conversation_key);
  turn.run = String(data.run_id);
  turn.response = String(data.response);
  return true;
}

/** A connection that broke is tried again; an answer that refuses is an error of the test. */
function refusedOnly(error: unknown): boolean {
  if (error instanceof Refused) throw error;
  return false;
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, RETRY_MS));

/** What is wrong with the stored conversations: [] when every turn is there once, in order. */
export async function faultsOf(product: Product, talks: readonly Talk[]): Promise<string[]> {
  const faults: string[] = [];
  for (const talk of talks) {
    if (talk.key === null) continue;
    const expected = talk.turns.flatMap(({ text }) => [
      ["user", text],
      ["assistant", `Echo: ${text}`],
    ]);
    const stored = await product.history(talk.key);
    if (JSON.stringify(stored) !== JSON.stringify(expected)) {
      faults.push(`${talk.key}: ${JSON.stringify(stored)} instead of ${JSON.stringify(expected)}`);
    }
    for (const turn of talk.turns) {
      if (turn.response !== `Echo: ${turn.text}`) faults.push(`${turn.marker} ${turn.response}`);
    }
  }
  return faults;
}

/** Calls of the provider for one turn. */
export interface TurnCalls {
  readonly turn: Turn;
  readonly routes: readonly number[];
  readonly answers: readonly number[];
}

/** Calls of each turn, as their positions in the provider's log. */
export function callsOf(product: Product, talks: readonly Talk[]): readonly TurnCalls[] {
  const routes = new Map<string, number[]>();
  const answers = new Map<string, number[]>();
  const markerOf = (call: LoggedCall): string =>
    /[a-z]+\d+-\d+-\d+\./.exec(call.lastUser)?.[0] ?? "";
  for (const [at, call] of product.provider.calls().entries()) {
    const of = call.wantsJson ? routes : answers;
    const marker = markerOf(call);
    of.set(marker, [...(of.get(marker) ?? []), at]);
  }
  return talks.flatMap(({ turns }) =>
    turns.map((turn) => ({
      turn,
      routes: routes.get(turn.marker) ?? [],
      answers: answers.get(turn.marker) ?? [],
    })),
  );
}
