// Readers that take nothing or little, many of one address, and large answers beside small ones, on both
// servers.

import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { AddressWatch } from "../../adapters/http/address-watch.ts";
import type { HttpResponse, Server } from "../../adapters/http/server.ts";
import { SLICE_BYTES, SlicedBody } from "../../adapters/http/sliced-body.ts";
import { type Reader, Unsent } from "../../adapters/http/unsent.ts";
import { Raw, servers, start } from "./servers.ts";

/** More than the buffers of the loopback device take, and a multiple of what they do. */
const LARGE_BYTES = 48_000_000;
const large = new Uint8Array(LARGE_BYTES).fill(120);
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const [HERE, THERE] = ["127.0.0.1", "127.0.0.2"];

/** A client of an address of this machine, that takes nothing until it is told. */
class SlowReader {
  readonly socket: Socket;
  bytes = 0;
  isClosed = false;

  constructor(port: number, localAddress: string) {
    this.socket = connect({ port, host: HERE, localAddress });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    this.socket.write(GET);
  }

  /** Takes all there is, until it has so much or the connection is closed. */
  async take(bytes: number): Promise<number> {
    this.socket.on("data", (piece) => {
      this.bytes += piece.length;
    });
    await expect.poll(() => this.isClosed || this.bytes >= bytes, { timeout: 10_000 }).toBe(true);
    this.socket.destroy();
    return this.bytes;
  }
}

describe.each(servers)("the %s server", (_name, listen) => {
  let server: Server;
  const readers: SlowReader[] = [];
  afterEach(async () => {
    for (const { socket } of readers.splice(0)) socket.destroy();
    await server.close();
  });
  const reader = (address = HERE): SlowReader => {
    const made = new SlowReader(server.port, address);
    readers.push(made);
    return made;
  };
  const answer = (): HttpResponse => ({ status: 200, body: large });

  test("what one address leaves unread is bounded, and the longest waiting is cut for it", async () => {
    let asked = 0;
    const handle = (): HttpResponse => {
      asked += 1;
      return answer();
    };
    const limits = { slowReaderMs: 60_000, unsentBytesPerAddressMax: 2 * LARGE_BYTES + 4_000_000 };
    server = await start(listen, handle, { limits });
    const asks = async (address: string): Promise<SlowReader> => {
      const before = asked;
      const made = reader(address);
      await expect.poll(() => asked, { timeout: 5_000 }).toBe(before + 1);
      return made;
    };

    const elsewhere = await asks(THERE);
    const [first, second, third] = [await asks(HERE), await asks(HERE), await asks(HERE)];
    await expect.poll(() => server.connections(), { timeout: 5_000 }).toBe(3);

    expect(await first.take(LARGE_BYTES)).toBeLessThan(LARGE_BYTES);
    for (const one of [second, third, elsewhere]) {
      expect(await one.take(LARGE_BYTES)).toBeGreaterThan(LARGE_BYTES);
    }
  });

  test("what sockets of one address leave unread is bounded too, and the longest waiting is cut for it", async () => {
    const open = new Map<string, { send(text: string): string }>();
    const gone: string[] = [];
    const names: string[] = [];
    const upgrade = async (request: { readonly rawQuery: string }) => ({
      onOpen: (socket: { send(text: string): string }) => {
        const name = request.rawQuery.slice(-1);
        open.set(name, socket);
        names.push(name);
      },
      onMessage: () => undefined,
      onDrain: () => undefined,
      onClose: () => void gone.push(request.rawQuery.slice(-1)),
    });
    const limits = {
      ...{ slowReaderMs: 60_000, sendBufferBytesMax: 2 * LARGE_BYTES },
      unsentBytesPerAddressMax: 2 * LARGE_BYTES + 4_000_000,
    };
    server = await start(listen, answer, { limits, upgrade });
    const frame = "x".repeat(LARGE_BYTES);
    const asks = async (name: string, localAddress: string): Promise<WebSocket> => {
      const url = `ws://${HERE}:${server.port}/ws?name=${name}`;
      const made = new WebSocket(url, { localAddress, maxPayload: 2 * LARGE_BYTES });
      made.on("error", () => undefined);
      await new Promise((resolve) => made.once("open", resolve));
      made.pause();
      await expect.poll(() => open.has(name), { timeout: 5_000 }).toBe(true);
      expect(open.get(name)?.send(frame)).toBe("full");
      return made;
    };

    const elsewhere = await asks("e", THERE);
    const sockets = [await asks("a", HERE), await asks("b", HERE)];
    expect(gone).toEqual([]);
    sockets.push(await asks("c", HERE));
    await expect.poll(() => gone, { timeout: 5_000 }).toEqual(["a"]);

    const taken = new Promise((resolve) => sockets[2]?.once("message", resolve));
    sockets[2]?.resume();
    expect(String(await taken).length).toBe(LARGE_BYTES);
    // Those that have taken theirs wait no longer: another one has room.
    sockets.push(await asks("d", HERE));
    expect(gone).toEqual(["a"]);
    for (const socket of [elsewhere, ...sockets]) socket.terminate();
  });

  test("who takes nothing of a large answer is cut in its time, and no copy was made for it", async () => {
    server = await start(listen, answer);
    const before = process.memoryUsage().rss;

    for (let at = 0; at < 5; at += 1) reader();
    await expect.poll(() => server.connections(), { timeout: 5_000 }).toBe(5);
    const grown = process.memoryUsage().rss - before;
    await expect.poll(() => server.connections(), { timeout: 5_000 }).toBe(0);

    expect(grown).toBeLessThan(2 * LARGE_BYTES);
  });

  test("one address may have so many connections, another one is served beside", async () => {
    const limits = { connectionsPerAddressMax: 5 };
    server = await start(listen, () => ({ status: 200, body: "well" }), { limits });
    const asks = async (address: string): Promise<boolean> => {
      const one = reader(address);
      const taken = await one.take(1);
      return taken > 0;
    };
    const open = Array.from({ length: 5 }, () => new Raw(server.port).write(GET));
    for (const raw of open) await raw.until((sofar) => sofar.includes("well"));

    // The native server learns it from the system, a moment later.
    await expect.poll(() => asks(HERE), { timeout: 5_000 }).toBe(false);
    const there = await asks(THERE);
    for (const raw of open) raw.end();
    await expect.poll(() => asks(HERE), { timeout: 5_000 }).toBe(true);

    expect(there).toBe(true);
  });
});

/** A reader that is cut or not. */
function readerOf(address: string): Reader & { isCut: boolean } {
  const made = {
    isCut: false,
    address: () => address,
    cut: () => {
      made.isCut = true;
    },
  };
  return made;
}

test("what all readers leave unread is bounded too, and a proxy's clients are not one address", () => {
  const limits = { unsentBytesMax: 100, unsentBytesPerAddressMax: 60 };
  const unsent = new Unsent(limits, (address) => address === "10.0.0.1");
  const [a, b, c, d] = [
    readerOf("10.0.0.1"),
    readerOf("10.0.0.1"),
    readerOf("2001:db8::1"),
    readerOf("2001:db8::2"),
  ];

  unsent.set(a, 40);
  unsent.set(b, 40);
  expect([a.isCut, b.isCut]).toEqual([false, false]);
  unsent.set(b, 10);
  unsent.set(c, 40);
  expect([unsent.bytes, a.isCut]).toEqual([90, false]);
  unsent.set(d, 30);

  expect([a, b, c, d].map(({ isCut }) => isCut)).toEqual([false, false, true, false]);
  expect(unsent.bytes).toBe(80);
  unsent.set(d, 55);
  expect([a.isCut, unsent.bytes]).toEqual([true, 65]);
  unsent.set(b, 0);
  unsent.set(d, 1_000);
  expect([d.isCut, unsent.bytes]).toEqual([false, 1_000]);
  unsent.set(d, 0);
  expect(unsent.bytes).toBe(0);
});

test("large answers go in slices, addresses in turn, and not all in one pass of the event loop", async () => {
  const unsent = new Unsent({ unsentBytesMax: 1, unsentBytesPerAddressMax: 1 });
  const given: string[] = [];
  let passes = 0;
  const count = (): void => {
    passes += 1;
    if (given.length < 12) setImmediate(count);
  };
  const ended: Promise<void>[] = [];
  const send = (address: string, slices: number): void => {
    const give = (slice: Uint8Array, offset: number) => {
      const untilMs = performance.now() + 1;
      while (performance.now() < untilMs);
      given.push(address);
      return { offset: offset + slice.byteLength, isFull: false };
    };
    const body = new Uint8Array(slices * SLICE_BYTES);
    const socket = { give, address: () => address, cut: () => undefined };
    ended.push(
      new Promise((onEnd) => {
        new SlicedBody({ body, socket, unsent, slowReaderMs: 1_000, onEnd }).start();
      }),
    );
  };

  setImmediate(count);
  send("a", 5);
  send("a", 5);
  send("b", 2);
  await Promise.all(ended);

  expect(given.filter((address) => address === "b")).toHaveLength(2);
  expect(given.slice(0, 6).filter((address) => address === "b")).toHaveLength(2);
  expect(passes).toBeGreaterThanOrEqual(10);
});

test("connections of an address are counted from the system's table, a /64 as one", async () => {
  const line = (at: number, remote: string, state: string) =>
    `  ${at}: 0000000000000000FFFF00000100007F:1F90 ${remote}:9A5C ${state} 00000000:00000000 00:00000000`;
  const table = [
    "  sl  local_address rem_address   st",
    line(0, "B80D0120000000000000000001000000", "01"),
    line(1, "B80D0120000000000000000002000000", "08"),
    line(2, "B80D0120000000000000000002000000", "06"),
    line(3, "0000000000000000FFFF00000200000A", "01"),
    "  4: 0100007F:1F91 0200000A:9A5C 01 00000000:00000000",
  ];
  let looks = 0;
  async function* lines(): AsyncGenerator<string> {
    looks += 1;
    yield* table;
  }
  const watch = new AddressWatch({ max: 3, port: () => 0x1f90, lines });

  expect(watch.opened("2001:db8::5")).toBe(true);
  await expect.poll(() => watch.opened("2001:db8::6")).toBe(false);

  expect(looks).toBe(1);
  expect([watch.opened("10.0.0.2"), watch.opened("10.0.0.2"), watch.opened("10.0.0.2")]).toEqual([
    true,
    true,
    false,
  ]);
});
