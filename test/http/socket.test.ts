// `/ws` over both servers, with a run made of given frames in place of a system.

import { afterEach, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { EARLY_FRAMES_MAX } from "../../adapters/http/early-socket.ts";
import type { Principal } from "../../adapters/http/route.ts";
import type { Server } from "../../adapters/http/server.ts";
import { createSocketHandler, type SocketServices } from "../../adapters/http/socket.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { servers, start } from "./servers.ts";

const who: Principal = {
  tenant: "tn_1",
  keyId: "ak_1",
  isServer: false,
  role: "owner",
  allowedServices: ["*"],
  expiresAt: null,
  via: "key",
};
const provenAs = (principal: Principal) => ({
  principal,
  prove: () => principal,
  again: async () => principal,
});
const text = (at: number, piece = "x"): Frame => ({
  type: "text",
  id: `rn_1:m:1:${at}`,
  run: "rn_1",
  step: "m",
  attempt: 1,
  offset: at,
  text: piece,
});
const accepted: Frame = { type: "accepted", reply: { conversation_key: "cv_1" }, run: "rn_1" };

interface Message {
  readonly type: string;
  readonly id?: string;
  readonly ok?: boolean;
  readonly sub?: string;
  readonly seq?: number;
  readonly event?: string;
  readonly data?: Record<string, unknown>;
  readonly error?: Record<string, unknown>;
}

class Client {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  code = 0;
  #next = 0;

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    this.socket.on("message", (data) => this.messages.push(JSON.parse(String(data))));
    this.socket.on("close", (code) => {
      this.code = code;
    });
    this.socket.on("error", () => {});
  }

  opened(): Promise<unknown> {
    return new Promise((resolve) => this.socket.once("open", resolve));
  }

  async ask(method: string, params: unknown = {}, extra: object = {}): Promise<Message> {
    this.#next += 1;
    const id = `r${this.#next}`;
    this.socket.send(JSON.stringify({ type: "req", id, method, params, ...extra }));
    await expect.poll(() => this.messages.some((message) => message.id === id)).toBe(true);
    return this.messages.find((message) => message.id === id) ?? { type: "none" };
  }

  events(): Message[] {
    return this.messages.filter((message) => message.type === "event");
  }
}

describe.each(servers)("a WebSocket on the %s server", (_name, listen) => {
  let server: Server;
  let pulled = 0;
  let aborted = 0;
  const keysUsed: (string | null)[] = [];
  afterEach(() => server.close());

  async function* run(count: number, signal: AbortSignal, piece?: string): AsyncGenerator<Frame[]> {
    signal.addEventListener("abort", () => {
      aborted += 1;
    });
    for (let at = 0; at < count && !signal.aborted; at += 1) {
      pulled = at;
      yield [text(at, piece)];
    }
  }

  const services: SocketServices = {
    proveKey: async () => who,
    checkWatch: async () => undefined,
    authenticateKey: async (key) => {
      if (key === "good") return who;
      throw new RuntimeError("UNAUTHENTICATED", "The API key is not valid here.");
    },
    admit: () => {},
    startChat: (_principal, params, options) => {
      keysUsed.push(options.idempotencyKey);
      return (async function* () {
        if (params.agent_key === "ag_none") {
          yield [{ type: "refused", error: { code: "NOT_FOUND", message: "No such agent." } }];
          return;
        }
        yield [accepted];
        const piece = params.agent_key === "ag_flood" ? "z".repeat(20_000) : "x";
        yield* run(Number(params.message), options.signal, piece);
      })();
    },
    follow: (_principal, _run, options) => run(3, options.signal),
    cancel: async (_principal, id) => {
      if (id === "rn_ended") throw new RuntimeError("RUN_ENDED", "The run has ended.");
    },
  };

  async function open(principal: Principal | null = who): Promise<Client> {
    server = await start(listen, () => ({ status: 200, headers: {}, body: "" }), {
      limits: { slowReaderMs: 500 },
      upgrade: async ({ peer }) =>
        createSocketHandler(services, peer, principal && provenAs(principal)),
    });
    const client = new Client(server.port);
    await client.opened();
    return client;
  }

  test("a chat answers with its subscription and then sends numbered events", async () => {
    const client = await open();

    const answer = await client.ask(
      "chat",
      { agent_key: "ag_1", message: "5" },
      { idempotency_key: "k1" },
    );
    await expect.poll(() => client.events()).toHaveLength(5);

    expect(answer).toMatchObject({
      ok: true,
      data: { sub: "s1", run_id: "rn_1", accepted: { conversation_key: "cv_1" } },
    });
    expect(client.events().map((event) => event.seq)).toEqual([1, 2, 3, 4, 5]);
    expect(client.events()[4]).toMatchObject({ event: "text", data: { offset: 4, text: "x" } });
    expect(keysUsed).toContain("k1");
  });

  test("events stop when credit is used up and go on with an ack", async () => {
    const client = await open();

    await client.ask("chat", { agent_key: "ag_1", message: "50", credit: 2 });
    await expect.poll(() => client.events()).toHaveLength(2);
    await client.ask("resume", { run_id: "rn_1", after: "rn_1:m:1:0" });
    await expect.poll(() => client.events()).toHaveLength(5);
    expect(pulled).toBeLessThan(10);
    await client.ask("ack", { sub: "s1", credit: 48 });

    await expect.poll(() => client.events()).toHaveLength(53);
  });

  test("unsubscribing ends the watching, closing ends what is left", async () => {
    const client = await open();
    aborted = 0;

    await client.ask("chat", { agent_key: "ag_1", message: "1000", credit: 1 });
    await client.ask("chat", { agent_key: "ag_1", message: "1000", credit: 1 });
    await client.ask("unsubscribe", { sub: "s1" });
    const again = await client.ask("unsubscribe", { sub: "s1" });
    client.socket.terminate();

    expect(again.error).toMatchObject({ code: "NOT_FOUND", status: 404 });
    await expect.poll(() => aborted).toBe(2);
  });

  test("refusals name their request and leave the socket open", async () => {
    const client = await open();

    const none = await client.ask("chat", { agent_key: "ag_none", message: "1" });
    const wrong = await client.ask("chat", { agent_key: "ag_1", message: 1 });
    const unknown = await client.ask("dance");
    const ended = await client.ask("cancel", { run_id: "rn_ended" });

    expect(none.error).toMatchObject({ code: "NOT_FOUND" });
    expect(wrong.error).toMatchObject({ code: "INVALID", pointer: "/message" });
    expect(unknown.error).toMatchObject({ code: "INVALID" });
    expect(ended.error).toMatchObject({ code: "RUN_ENDED", status: 409 });
    expect((await client.ask("cancel", { run_id: "rn_1" })).ok).toBe(true);
  });

  test("hello takes a key, a wrong one closes with 4401", async () => {
    const client = await open(null);
    const second = new Client(server.port);
    await second.opened();

    const hello = await client.ask("hello", { token: "good" });
    await second.ask("hello", { token: "bad" });

    expect(hello.data).toMatchObject({ protocol: 1 });
    expect((await client.ask("subscribe", { run_id: "rn_1" })).ok).toBe(true);
    await expect.poll(() => second.code).toBe(4401);
  });

  test("a key that is refused after a look-up closes with 4401 and its reason", async () => {
    const refusal = {
      status: 401,
      headers: {},
      body: '{"detail":"The API key is not valid here."}',
    };
    const later = new Promise<typeof refusal>((resolve) => setImmediate(() => resolve(refusal)));
    server = await start(listen, () => ({ status: 200, headers: {}, body: "" }), {
      upgrade: () => later,
    });
    const client = new Client(server.port);
    const closed = new Promise((resolve) =>
      client.socket.once("close", (code, reason) => resolve([code, String(reason)])),
    );

    expect(await closed).toEqual([4401, "The API key is not valid here."]);
  });

  test("what is sent before the look-up has ended waits for it, up to a limit", async () => {
    let decide = (_handler: Awaited<ReturnType<typeof createSocketHandler>>): void => {};
    const decided = new Promise<Awaited<ReturnType<typeof createSocketHandler>>>((resolve) => {
      decide = resolve;
    });
    server = await start(listen, () => ({ status: 200, headers: {}, body: "" }), {
      upgrade: () => decided,
    });
    const [client, flood] = [new Client(server.port), new Client(server.port)];
    await Promise.all([client.opened(), flood.opened()]);

    const hello = client.ask("hello");
    for (let at = 0; at <= EARLY_FRAMES_MAX; at += 1) flood.socket.send("{}");
    await expect.poll(() => flood.code).toBe(4429);
    decide(await createSocketHandler(services, "127.0.0.1", provenAs(who)));

    expect((await hello).data).toMatchObject({ protocol: 1 });
  });

  test("a hundred sockets that open at once all stay open", async () => {
    server = await start(listen, () => ({ status: 200, headers: {}, body: "" }), {
      upgrade: ({ peer }) => createSocketHandler(services, peer, provenAs(who)),
    });
    const clients = Array.from({ length: 100 }, () => new Client(server.port));
    await Promise.all(clients.map((client) => client.opened()));

    const answers = await Promise.all(clients.map((client) => client.ask("hello")));

    expect(answers.filter((answer) => answer.ok).length).toBe(100);
    for (const client of clients) client.socket.terminate();
  });

  test("who may no longer speak is refused with the next request, and cut while only watching", async () => {
    let lost: "UNAUTHENTICATED" | "TENANT_SUSPENDED" | "RATE_LIMITED" | null = null;
    const prove = (): Principal => {
      if (lost === null) return who;
      throw new RuntimeError(lost, "No longer.");
    };
    const again = async (): Promise<Principal> => prove();
    server = await start(listen, () => ({ status: 200, headers: {}, body: "" }), {
      upgrade: ({ peer }) =>
        createSocketHandler(services, peer, { principal: who, prove, again }, 20),
    });
    const asks = new Client(server.port);
    const watches = new Client(server.port);
    await Promise.all([asks.opened(), watches.opened()]);
    await watches.ask("chat", { agent_key: "ag_1", message: "1000", credit: 1 });

    lost = "RATE_LIMITED";
    const limited = await asks.ask("subscribe", { run_id: "rn_1" });
    lost = "UNAUTHENTICATED";
    const refused = asks.ask("chat", { agent_key: "ag_1", message: "5" });
    await expect.poll(() => [asks.code, watches.code]).toEqual([4401, 4401]);
    lost = null;
    const suspended = new Client(server.port);
    await suspended.opened();
    lost = "TENANT_SUSPENDED";

    expect([limited.ok, asks.code]).toEqual([false, 4401]);
    await refused.catch(() => undefined);
    expect(asks.events()).toEqual([]);
    await expect.poll(() => suspended.code).toBe(4403);
  });

  test("before hello nothing else is done", async () => {
    const client = await open(null);

    client.socket.send(
      JSON.stringify({ type: "req", id: "a", method: "cancel", params: { run_id: "rn_1" } }),
    );

    await expect.poll(() => client.code).toBe(4401);
  });

  test.each([["no JSON"], ["[]"], ['{"type":"res","id":"1","method":"chat"}']])(
    "the frame %s closes with 4400",
    async (frame) => {
      const client = await open();

      client.socket.send(frame);

      await expect.poll(() => client.code).toBe(4400);
    },
  );

  test("a reader that takes nothing is cut with bounded memory, others go on", async () => {
    const client = await open();
    const other = new Client(server.port);
    await other.opened();
    aborted = 0;

    const params = { agent_key: "ag_flood", message: "10000", credit: 10_000 };
    client.socket.send(JSON.stringify({ type: "req", id: "flood", method: "chat", params }));
    client.socket.pause();
    await expect.poll(() => aborted, { timeout: 6_000 }).toBe(1);
    const reached = pulled;

    expect((await other.ask("subscribe", { run_id: "rn_1" })).ok).toBe(true);
    // 10,000 events of 20 kB were asked for; the kernel's buffers take some megabytes of them.
    expect(reached).toBeLessThan(1_500);
    expect(reached).toBeGreaterThan(1);
    client.socket.terminate();
  });

  test("a frame over the limit closes the socket and harms nobody", async () => {
    const client = await open();
    const other = new Client(server.port);
    await other.opened();

    client.socket.send("x".repeat(200_000));

    await expect.poll(() => client.code).toBeGreaterThan(0);
    expect((await other.ask("subscribe", { run_id: "rn_1" })).ok).toBe(true);
  });
});
