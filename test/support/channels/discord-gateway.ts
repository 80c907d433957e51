// The Gateway of the fake Discord: greeting, identify, resume with what was missed, heartbeats, and its ways
// to end a connection.

import type { Server } from "node:http";
import { type WebSocket, WebSocketServer } from "ws";

type Json = Record<string, unknown>;

/** It. */
export interface DiscordGateway {
  /** Connections that were taken in. */
  readonly sockets: WebSocket[];
  /** What the other side has said, by its op. */
  readonly heard: { readonly op: number; readonly d: unknown }[];
  /** Interval told in the greeting, ms; whether heartbeats are answered. */
  heartbeatMs: number;
  answersBeats: boolean;
  /** Instead of taking somebody in: a code to close with. */
  closesWith: number | null;
  /** The sessions that it knows are gone. */
  forget(): void;
  /** Tells an event to the newest connection; told again to a session that resumes. */
  tell(name: string, data: unknown): void;
  stop(): void;
}

/** Starts it on a server of HTTP. */
export function startGateway(http: Server, token: string, bot: string): DiscordGateway {
  const links = new WebSocketServer({ server: http });
  let sequence = 0;
  let session: string | null = null;
  let count = 0;
  let log: { readonly s: number; readonly frame: string }[] = [];

  const gateway: DiscordGateway = {
    ...{ sockets: [], heard: [], heartbeatMs: 41_250, answersBeats: true, closesWith: null },
    forget: () => {
      session = null;
    },
    tell: (name, data) => {
      const frame = dispatch(name, data);
      gateway.sockets.at(-1)?.send(frame);
    },
    stop: () => {
      for (const socket of links.clients) socket.terminate();
      links.close();
    },
  };

  function dispatch(t: string, d: unknown): string {
    sequence += 1;
    const frame = JSON.stringify({ op: 0, t, s: sequence, d });
    log.push({ s: sequence, frame });
    return frame;
  }

  function identified(socket: WebSocket, url: string): void {
    count += 1;
    session = `session-${count}`;
    sequence = 0;
    log = [];
    gateway.sockets.push(socket);
    const d = { session_id: session, resume_gateway_url: url, user: { id: bot } };
    socket.send(dispatch("READY", { v: 10, ...d }));
  }

  function resumed(socket: WebSocket, d: Json): void {
    if (session === null || d["session_id"] !== session) {
      socket.send(JSON.stringify({ op: 9, d: false }));
      return;
    }
    gateway.sockets.push(socket);
    for (const { s, frame } of log) if (s > Number(d["seq"])) socket.send(frame);
    socket.send(dispatch("RESUMED", {}));
  }

  links.on("connection", (socket, request) => {
    const url = `ws://${request.headers.host}/resume`;
    socket.on("close", () => {
      const at = gateway.sockets.indexOf(socket);
      if (at >= 0) gateway.sockets.splice(at, 1);
    });
    socket.on("message", (raw) => {
      const { op, d } = JSON.parse(String(raw));
      gateway.heard.push({ op, d });
      if (op === 1 && gateway.answersBeats) socket.send(JSON.stringify({ op: 11 }));
      if (op !== 2 && op !== 6) return;
      if (d.token !== token) return socket.close(4_004, "Authentication failed.");
      if (gateway.closesWith !== null) return socket.close(gateway.closesWith);
      if (op === 2) identified(socket, url);
      else resumed(socket, d);
    });
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: gateway.heartbeatMs } }));
  });
  return gateway;
}
