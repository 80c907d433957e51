// TLS over both servers: served, renewed without a connection lost, and what is no TLS closed.

import { connect as connectPlain } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { HttpResponse, Server } from "../../adapters/http/server.ts";
import { type Certificate, createCertificates } from "../support/certificates.ts";
import { servers, start } from "./servers.ts";

const text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const certificates = createCertificates();
let one: Certificate;
let two: Certificate;

beforeAll(() => {
  one = certificates.make("one");
  two = certificates.make("two");
});
afterAll(() => certificates.end());

describe.each(servers)("the %s server", (_name, listen) => {
  let server: Server;
  afterEach(() => server.close());

  function open(more: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const ca = [one, two].map(({ tls }) => Buffer.from(tls.cert));
      const socket: TLSSocket = connect({ port: server.port, host: "127.0.0.1", ca, ...more }, () =>
        resolve(socket),
      );
      socket.on("error", reject);
    });
  }

  const nameOf = async (): Promise<string> => {
    const socket = await open();
    const name = String(socket.getPeerCertificate().subject.CN);
    socket.destroy();
    return name;
  };

  function answerTo(socket: TLSSocket): Promise<string> {
    return new Promise((resolve, reject) => {
      let got = "";
      socket.on("data", (bytes) => {
        got += String(bytes);
        if (got.includes("<done>")) resolve(got);
      });
      socket.on("close", () => reject(new Error(`It was closed after: ${got}`)));
      socket.write(GET);
    });
  }

  test("speaks TLS 1.2 and 1.3 with its certificate, and nothing older", async () => {
    server = await start(listen, () => text("<done>"), { tls: one.tls });

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await open({ minVersion: version, maxVersion: version });
      expect([socket.getProtocol(), socket.authorized]).toEqual([version, true]);
      expect(await answerTo(socket)).toContain("200 OK");
      socket.destroy();
    }
    const old = open({ minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" });
    await expect(old).rejects.toThrow();
  });

  test("a new certificate is served to new connections, and those that are open go on", async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const handle = async (): Promise<HttpResponse> => {
      asked += 1;
      if (asked === 1) await released;
      return text("<done>");
    };
    server = await start(listen, handle, { tls: one.tls });
    const kept = await open();
    const slow = answerTo(kept);
    await expect.poll(() => asked, { timeout: 5_000 }).toBe(1);

    expect(await nameOf()).toBe("one");
    await server.renew?.(two.tls);

    expect([await nameOf(), await nameOf(), await nameOf()]).toEqual(["two", "two", "two"]);
    release();
    expect(await slow).toContain("<done>");
    kept.removeAllListeners("data");
    expect(await answerTo(kept)).toContain("<done>");
    expect(kept.getPeerCertificate().subject.CN).toBe("one");
    kept.destroy();
  });

  test("renewed again and again, connections that are open lose no request", async () => {
    server = await start(listen, () => text("<done>"), { tls: one.tls });
    let [answers, isEnding] = [0, false];
    const client = async (socket: TLSSocket): Promise<void> => {
      while (!isEnding) {
        socket.removeAllListeners("data").removeAllListeners("close");
        await answerTo(socket);
        answers += 1;
      }
      socket.removeAllListeners("close").destroy();
    };
    const sockets = await Promise.all([open(), open(), open()]);
    const clients = Promise.all(sockets.map(client));

    for (let round = 0; round < 6; round += 1) {
      const before = answers;
      await server.renew?.(round % 2 === 0 ? two.tls : one.tls);
      await expect.poll(() => answers, { timeout: 5_000 }).toBeGreaterThan(before + 3);
    }
    isEnding = true;
    await clients;
    expect(await nameOf()).toBe("one");
  });

  test("a pair that cannot be served is refused and the old one stays", async () => {
    server = await start(listen, () => text("<done>"), { tls: one.tls });
    const mixed = { ...two.tls, key: one.tls.key, keyFile: one.keyFile };

    await expect(server.renew?.(mixed)).rejects.toThrow();
    expect(await nameOf()).toBe("one");
  });

  test("plain HTTP is closed without an answer, and the server goes on", async () => {
    server = await start(listen, () => text("<done>"), { tls: one.tls });

    const got = await new Promise<string>((resolve) => {
      let bytes = "";
      const socket = connectPlain(server.port, "127.0.0.1", () => socket.write(GET));
      socket.on("data", (piece) => {
        bytes += String(piece);
      });
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(bytes));
    });

    expect(got).not.toContain("HTTP/1.1 200");
    expect(await nameOf()).toBe("one");
  });

  test("its port is refused to a second server", async () => {
    server = await start(listen, () => text("<done>"), { tls: one.tls });
    const { port } = server;
    const limits = {} as never;
    const door = { handle: () => text(""), upgrade: () => text("") };

    const second = listen({ host: "127.0.0.1", port, limits, door, tls: two.tls });

    await expect(second).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });
});
