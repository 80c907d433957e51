// An issuer on loopback for tests: its key set, counted, which can be away; and tokens in any form.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

/** One that runs. */
export interface TestIssuer {
  readonly url: string;
  /** Keys it shows; tests change them. */
  readonly keys: JWK[];
  /** Fetches of the key set so far. */
  fetches(): number;
  /** Whether it answers at all. */
  isAway: boolean;
  /** Makes a key and shows it. */
  addKey(kid: string, alg?: string): Promise<Pair>;
  close(): Promise<void>;
}

/** Starts one. */
export async function startIssuer(): Promise<TestIssuer> {
  const keys: JWK[] = [];
  let fetches = 0;
  const server: Server = createServer((request, response) => {
    if (issuer.isAway) {
      response.writeHead(503).end();
      return;
    }
    const isKeys = request.url === "/jwks";
    if (isKeys) fetches += 1;
    const found = isKeys ? { keys } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(found));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${port}`,
    keys,
    isAway: false,
    fetches: () => fetches,
    addKey: async (kid, alg = "ES256") => {
      const pair = await generateKeyPair(alg, { extractable: true });
      keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: "sig" });
      return pair;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;
}

/** A token, signed. */
export function signed(
  key: Parameters<SignJWT["sign"]>[0],
  claims: Readonly<Record<string, unknown>>,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: "ES256", ...header }).sign(key);
}

/** A part of a token, of any text. */
export const part = (text: string): string => Buffer.from(text).toString("base64url");
