// Clients of whom healthy ones are not to feel much. Each kind holds or opens connections as long as it is
// let; what the server cuts is opened again, so that there are as many all the time.

import { connect, type Socket } from "node:net";
import { type Load, pacedLoad } from "./loud.ts";

/** Connections that are held, and those that are opened a second. */
const SLOW = 500;
const IDLE = 2_000;
const OPENED_PER_SECOND = 500;
const GUESSES_PER_SECOND = 500;
const TICK_MS = 10;
/** How often a slow reader asks, and how much it takes then. */
const ASKED_MS = 1_000;
const TAKEN_BYTES = 1_024;
const BYTE_MS = 100;
const BODY_BYTES = 100_000;

/** A kind of them. */
export interface Stranger {
  readonly name: string;
  /** Begins; the load says how many requests or connections were served. */
  begin(): Promise<Load>;
}

/** All kinds, at a server; `key` is a tenant's, for those that have one. */
export function strangers(port: number, key: string): readonly Stranger[] {
  const auth = `Authorization: Bearer ${key}\r\n`;
  const head = (line: string, more = ""): string =>
    `${line} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${more}`;
  const post = head("POST /v2/agents", `${auth}Content-Type: application/json\r\n`);
  const guess = Buffer.from(head("GET /v2/agents", "X-API-Key: troupe_wrong\r\n\r\n"));
  return [
    {
      name: `${SLOW} bodies that come a byte at a time`,
      begin: () => held(port, SLOW, `${post}Content-Length: ${BODY_BYTES}\r\n\r\n{`, "a"),
    },
    {
      name: `${SLOW} heads that come a byte at a time`,
      begin: () => held(port, SLOW, head("GET /v2/agents", "X-A: "), "a"),
    },
    {
      name: `${SLOW} readers that ask for 0.8 MB a second and take 1 KB of it`,
      begin: () => slowReaders(port, head("GET /openapi.json", "\r\n")),
    },
    { name: `${IDLE} connections without a byte`, begin: () => held(port, IDLE, "") },
    {
      name: `${OPENED_PER_SECOND} connections a second that are dropped`,
      begin: () => dropped(port),
    },
    {
      name: `${GUESSES_PER_SECOND} guesses at keys a second`,
      begin: () => pacedLoad({ port, next: () => guess, mayRefuse: true }, GUESSES_PER_SECOND),
    },
  ];
}

/**
 * Connections that come one after the other, within a second, ask for a large answer each second, and
 * take little of what is there.
 */
async function slowReaders(port: number, request: string): Promise<Load> {
  const sockets = new Set<Socket>();
  let isOver = false;
  let asked = 0;
  const open = (): void => {
    if (isOver) return;
    const socket = connect({ host: "127.0.0.1", port });
    sockets.add(socket);
    const ask = (): void => {
      asked += 1;
      socket.write(request);
      socket.read(TAKEN_BYTES);
    };
    const timer = setInterval(ask, ASKED_MS);
    // What is there is taken when it is asked for, and no more.
    socket.on("readable", () => undefined);
    socket.once("connect", ask);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      clearInterval(timer);
      sockets.delete(socket);
      setTimeout(open, ASKED_MS);
    });
  };
  for (let at = 0; at < SLOW; at += 1) setTimeout(open, (at * ASKED_MS) / SLOW);
  return () => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
    return asked;
  };
}

/** Connections that send something, read nothing, and drip if told to. */
async function held(port: number, count: number, first: string, drop = ""): Promise<Load> {
  const sockets = new Set<Socket>();
  let isOver = false;
  let opened = 0;
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      sockets.add(socket);
      socket.pause();
      socket.once("connect", () => {
        opened += 1;
        socket.write(first);
        resolve();
      });
      socket.on("error", () => resolve());
      socket.once("close", () => {
        sockets.delete(socket);
        if (!isOver) setTimeout(() => !isOver && open(), BYTE_MS);
      });
    });
  await Promise.all(Array.from({ length: count }, open));
  const timer = setInterval(() => {
    if (drop !== "") for (const socket of sockets) socket.write(drop);
  }, BYTE_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
    return opened;
  };
}

/** Connections that are dropped as soon as they are there. */
async function dropped(port: number): Promise<Load> {
  let count = 0;
  const startMs = performance.now();
  let begun = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * OPENED_PER_SECOND;
    for (; begun < due; begun += 1) {
      const socket = connect({ host: "127.0.0.1", port }, () => {
        count += 1;
        socket.resetAndDestroy();
      });
      socket.on("error", () => undefined);
    }
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    return count;
  };
}
