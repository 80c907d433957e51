// Where calls of models that are the same meet, on main: conversations of one tenant live on all workers,
// and what one thread alone knows of its own calls would find one pair in as many as there are workers.
// Main makes no call itself: the first of equal calls is made where it came from, the others follow it.

import type { LlmEvent } from "../../actors/ports.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { HostLine } from "../../runtime/threads/host.ts";
import { sharedNowMs } from "../shared-cells.ts";
import { AnswerCache } from "./answer-cache.ts";
import { type HubAsk, type HubTell, type SharingSettings, unpaidUsage } from "./hub-messages.ts";

/** Calls under way that others may follow, and who may follow one; more are made for themselves. */
const FLIGHTS_MAX = 10_000;
const FOLLOWERS_MAX = 1_000;
const MIB = 1_048_576;

/** How many calls were not made. */
export interface HubCounts {
  readonly cached: number;
  readonly followed: number;
}

/** Where calls meet. */
export interface AnswerHub {
  /** An engine that has been started; call what is returned when it is gone. */
  connect(line: HostLine): () => void;
  counts(): HubCounts;
}

/** One call of one engine. */
interface Seat {
  readonly peer: Peer;
  readonly id: number;
  readonly flight: Flight;
}

interface Peer {
  readonly line: HostLine;
  readonly seats: Map<number, Seat>;
}

/** A call under way. */
interface Flight {
  readonly tenant: string;
  readonly key: string;
  /** Under which others find it; undefined when nobody may. */
  readonly place: string | undefined;
  readonly isCached: boolean;
  leader: Seat | undefined;
  hasLeaderLeft: boolean;
  readonly followers: Set<Seat>;
  /** What has been shown to those who follow; text in one piece. */
  shown: LlmEvent[];
}

/** Makes it. @param nowMs default the process's clock that nobody sets. */
export function createAnswerHub(
  settings: SharingSettings,
  nowMs: () => number = sharedNowMs,
): AnswerHub {
  const hub = new Hub(settings, nowMs);
  return {
    connect(line) {
      const peer: Peer = { line, seats: new Map() };
      line.receive((message) => hub.take(peer, message as HubAsk));
      return () => hub.lose(peer);
    },
    counts: () => ({ ...hub.counts }),
  };
}

class Hub {
  readonly counts = { cached: 0, followed: 0 };
  readonly #settings: SharingSettings;
  readonly #cache: AnswerCache;
  readonly #flights = new Map<string, Flight>();

  constructor(settings: SharingSettings, nowMs: () => number) {
    const { cacheMs: ttlMs, cacheMib } = settings;
    this.#settings = settings;
    this.#cache = new AnswerCache({ ttlMs, bytesMax: cacheMib * MIB }, nowMs);
  }

  take(peer: Peer, message: HubAsk): void {
    if (message.type === "ask") {
      this.#seat(peer, message);
      return;
    }
    const seat = peer.seats.get(message.id);
    if (seat === undefined) return;
    const isLeader = seat.flight.leader === seat;
    if (message.type === "leave" || (message.type === "failed" && !isLeader)) this.#leave(seat);
    else if (message.type === "events") this.#show(seat.flight, message.events);
    else this.#land(seat, message);
  }

  /** The engine is gone, with every call it made. */
  lose(peer: Peer): void {
    for (const seat of [...peer.seats.values()]) {
      if (seat.flight.leader === seat) this.#end(seat.flight, ({ id }) => ({ type: "lost", id }));
      else this.#leave(seat);
    }
  }

  #seat(peer: Peer, asked: Extract<HubAsk, { type: "ask" }>): void {
    const { id, tenant, key, stream, isCached } = asked;
    const cached = isCached ? this.#cache.get(tenant, key) : undefined;
    if (cached !== undefined) {
      this.counts.cached += 1;
      tell(peer, { type: "answer", id, result: { ...cached, usage: unpaidUsage } });
      return;
    }
    const isShared = this.#settings.coalesce === "on";
    const place = isShared ? `${tenant}\0${key}\0${stream}` : undefined;
    const known = place === undefined ? undefined : this.#flights.get(place);
    if (known !== undefined) {
      this.#follow(peer, id, known);
      return;
    }
    const isFull = isShared && this.#flights.size >= FLIGHTS_MAX;
    const flight: Flight = {
      ...{ tenant, key, isCached, hasLeaderLeft: false, leader: undefined, shown: [] },
      place: isFull ? undefined : place,
      followers: new Set(),
    };
    const seat: Seat = { peer, id, flight };
    flight.leader = seat;
    peer.seats.set(id, seat);
    if (flight.place !== undefined) this.#flights.set(flight.place, flight);
    tell(peer, { type: "lead", id });
  }

  #follow(peer: Peer, id: number, flight: Flight): void {
    if (flight.followers.size >= FOLLOWERS_MAX) {
      tell(peer, { type: "alone", id });
      return;
    }
    this.counts.followed += 1;
    const seat: Seat = { peer, id, flight };
    const isFirst = flight.followers.size === 0;
    flight.followers.add(seat);
    peer.seats.set(id, seat);
    tell(peer, { type: "follow", id });
    if (flight.shown.length > 0) tell(peer, { type: "events", id, events: flight.shown });
    if (isFirst && flight.leader !== undefined) {
      tell(flight.leader.peer, { type: "show", id: flight.leader.id });
    }
  }

  #show(flight: Flight, events: readonly LlmEvent[]): void {
    for (const event of events) {
      const last = flight.shown.at(-1);
      if (event.type === "text" && last?.type === "text") {
        flight.shown[flight.shown.length - 1] = { type: "text", text: last.text + event.text };
      } else flight.shown.push(event);
    }
    for (const { peer, id } of flight.followers) tell(peer, { type: "events", id, events });
  }

  #land(seat: Seat, message: Extract<HubAsk, { type: "done" | "failed" }>): void {
    const { flight } = seat;
    if (message.type === "failed") {
      const { isOwn, error } = message;
      this.#end(flight, ({ id }) => (isOwn ? { type: "lost", id } : failed(id, error)));
      return;
    }
    const { result, unpaid = unpaidUsage } = message;
    const isKept = result.finishReason === "stop" || result.finishReason === "tool_calls";
    if (flight.isCached && isKept) this.#cache.put(flight.tenant, flight.key, result);
    // A call is counted once: by whoever led it, or, when that one has left, by the first who stayed.
    let usage = unpaid;
    this.#end(flight, ({ id }) => {
      const tells: HubTell = { type: "done", id, result: { ...result, usage } };
      usage = unpaidUsage;
      return tells;
    });
  }

  #leave(seat: Seat): void {
    const { flight } = seat;
    if (flight.leader === seat) flight.hasLeaderLeft = true;
    else {
      flight.followers.delete(seat);
      seat.peer.seats.delete(seat.id);
    }
    const { leader } = flight;
    if (!flight.hasLeaderLeft || flight.followers.size > 0 || leader === undefined) return;
    // Nobody can follow what is about to be cut.
    if (flight.place !== undefined) this.#flights.delete(flight.place);
    tell(leader.peer, { type: "unwanted", id: leader.id });
  }

  #end(flight: Flight, what: (seat: Seat) => HubTell): void {
    if (flight.place !== undefined && this.#flights.get(flight.place) === flight) {
      this.#flights.delete(flight.place);
    }
    flight.leader?.peer.seats.delete(flight.leader.id);
    for (const seat of flight.followers) {
      seat.peer.seats.delete(seat.id);
      tell(seat.peer, what(seat));
    }
    flight.followers.clear();
  }
}

function tell(peer: Peer, message: HubTell): void {
  peer.line.send(message);
}

function failed(id: number, error: ErrorData): HubTell {
  return { type: "failed", id, error };
}
