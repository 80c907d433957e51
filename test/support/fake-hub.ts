// A hub of models for tests, on loopback: lists a model's files with sizes and hashes, gives small ones
// itself and large ones by a redirect to its store, which serves ranges. It misbehaves by order.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What it does wrong with a file. */
export interface HubFault {
  /** Ends the connection after so many bytes, so many times. */
  readonly cutAfter?: number;
  readonly times?: number;
  /** Answers with this status, so many times. */
  readonly status?: number;
  /** Sends other bytes of the same length. */
  readonly isChanged?: boolean;
  /** Goes on with so many bytes more than there are, without a length. */
  readonly extra?: number;
  /** Says nothing more after so many bytes, and keeps the connection. */
  readonly hangAfter?: number;
  /** Ignores the range that was asked for. */
  readonly ignoresRange?: boolean;
}

/** A request as it came. */
export interface HubRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What it says of a model. */
export interface HubListing {
  readonly id: string;
  readonly sha: string;
  readonly siblings: readonly { readonly rfilename: string; readonly size: number }[];
}

/** A running hub. */
export interface FakeHub {
  readonly url: string;
  readonly requests: HubRequest[];
  readonly commit: string;
  /** Files from now on; another content is another commit. */
  setFiles(files: Readonly<Record<string, Buffer>>): void;
  fault(path: string, fault: HubFault): void;
  /** Changes what it lists; a text is sent as it is. */
  setListing(change: (listing: HubListing) => unknown): void;
  /** Whether the model needs this key. */
  setToken(token: string | null): void;
  close(): Promise<void>;
}

/** Smaller files are in git itself. */
const LARGE_BYTES = 10_000;

/** Starts a hub that has one model, `id`. */
export async function startFakeHub(id: string): Promise<FakeHub> {
  const requests: HubRequest[] = [];
  const faults = new Map<string, { fault: HubFault; left: number }>();
  let files: Readonly<Record<string, Buffer>> = {};
  let commit = "";
  let token: string | null = null;
  let changed = (listing: HubListing): unknown => listing;
  const sha = (kind: string, bytes: Buffer) => createHash(kind).update(bytes).digest("hex");
  const listing = () => ({
    id,
    sha: commit,
    siblings: Object.entries(files).map(([rfilename, bytes]) => ({
      rfilename,
      size: bytes.length,
      blobId: sha("sha1", Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes])),
      ...(bytes.length > LARGE_BYTES && {
        lfs: { sha256: sha("sha256", bytes), size: bytes.length, pointerSize: 130 },
      }),
    })),
  });

  const give = (path: string, request: IncomingMessage, response: ServerResponse): void => {
    let bytes = files[path] ?? Buffer.alloc(0);
    const ordered = faults.get(path);
    const fault = ordered !== undefined && ordered.left > 0 ? ordered.fault : {};
    if (ordered !== undefined) ordered.left -= 1;
    if (fault.status !== undefined) {
      response.writeHead(fault.status).end("busy");
      return;
    }
    if (fault.isChanged) bytes = Buffer.from(bytes.map((byte) => byte ^ 1));
    const asked = fault.ignoresRange ? undefined : request.headers.range;
    const from = Number(/^bytes=(\d+)-$/.exec(asked ?? "")?.[1] ?? 0);
    if (fault.extra !== undefined) {
      response.writeHead(200).end(Buffer.concat([bytes, Buffer.alloc(fault.extra, 1)]));
      return;
    }
    const head = { "content-length": bytes.length - from, "accept-ranges": "bytes" };
    const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(asked === undefined ? 200 : 206, { ...head, ...(asked && range) });
    if (fault.hangAfter !== undefined) response.write(bytes.subarray(from, from + fault.hangAfter));
    else if (fault.cutAfter === undefined) response.end(bytes.subarray(from));
    else {
      response.write(bytes.subarray(from, from + fault.cutAfter), () => response.destroy());
    }
  };

  const server = createServer((request, response) => {
    const { pathname: path } = new URL(request.url ?? "/", "http://hub");
    const { range, authorization } = request.headers;
    requests.push({ path, range, authorization });
    if (path.startsWith("/store/")) {
      give(decodeURIComponent(path.slice("/store/".length)), request, response);
      return;
    }
    if (token !== null && authorization !== `Bearer ${token}`) {
      response.writeHead(401).end();
      return;
    }
    if (path === `/api/models/${id}/revision/main`) {
      response.writeHead(200, { "content-type": "application/json" });
      const said = changed(listing());
      response.end(typeof said === "string" ? said : JSON.stringify(said));
      return;
    }
    const prefix = `/${id}/resolve/${commit}/`;
    const file = decodeURIComponent(path.slice(prefix.length));
    if (!path.startsWith(prefix) || files[file] === undefined) {
      response.writeHead(404).end();
    } else if (files[file].length > LARGE_BYTES) {
      // Another name of this machine: a host the key is not for.
      const { port } = server.address() as AddressInfo;
      const location = `http://localhost:${port}/store/${encodeURIComponent(file)}`;
      response.writeHead(302, { location }).end();
    } else give(file, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get commit() {
      return commit;
    },
    setFiles(given) {
      files = given;
      commit = sha("sha1", Buffer.concat(Object.values(given)));
    },
    fault: (path, fault) => {
      faults.set(path, { fault, left: fault.times ?? 1 });
    },
    setListing: (change) => {
      changed = change;
    },
    setToken: (key) => {
      token = key;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
