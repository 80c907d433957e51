// Stands between a mail client and its IMAP server and shows a test each thing that the client asks for, before
// the server sees it: the test may let it wait, and say that the line broke instead.

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** What becomes of what was asked. */
export type Passing = "pass" | "cut";

/** A running one. */
export interface ImapTap {
  readonly port: number;
  /** Told what a client writes, as text; the line waits for the answer. Default: all passes. */
  onAsked: (text: string) => Passing | Promise<Passing>;
  stop(): Promise<void>;
}

/** In front of a server of the loopback that speaks without TLS. */
export async function startImapTap(serverPort: number): Promise<ImapTap> {
  const open = new Set<Socket>();
  const kept = (socket: Socket, other: Socket): void => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      open.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((client) => {
    const mailServer = connect(serverPort, "127.0.0.1");
    kept(client, mailServer);
    kept(mailServer, client);
    mailServer.on("data", (bytes) => void client.write(bytes));
    let before: Promise<void> = Promise.resolve();
    client.on("data", (bytes) => {
      const asked = async (): Promise<void> => {
        if ((await tap.onAsked(bytes.toString("latin1"))) === "pass") mailServer.write(bytes);
        else client.destroy();
      };
      before = before.then(asked);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const tap: ImapTap = {
    port: address.port,
    onAsked: () => "pass",
    stop: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
  return tap;
}
