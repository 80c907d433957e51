// One tenant's tokens that are renewed all at once do not keep another tenant's from being renewed.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createOAuth } from "../../adapters/credentials/oauth.ts";
import type { OpenIntegration } from "../../adapters/credentials/open-integration.ts";
import { createEgress } from "../../adapters/egress.ts";

/** Connections to one host, and many more than these. */
const CONNECTIONS = 64;
const MANY = 200;

test("who renews one token waits for one of another tenant's at most, however many that has", async () => {
  const asked: ServerResponse[] = [];
  const server = createServer((_request, response) => void asked.push(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const egress = createEgress({ allowedHosts: ["127.0.0.1"] });
  onTestFinished(() => egress.close());
  const oauth = createOAuth(egress, ["127.0.0.1"]);
  const order: string[] = [];
  const renew = (tenant: string): Promise<unknown> => {
    const of = {
      ...{ name: "crm", type: "oauth2", client_id: "troupe", client_secret: "s", tenant },
      token_endpoint: `http://127.0.0.1:${port}/token`,
    } as OpenIntegration;
    return oauth.clientCredentials(of, new AbortController().signal).then(() => order.push(tenant));
  };

  const crowd = Array.from({ length: MANY }, () => renew("tn_crowd"));
  await expect.poll(() => asked.length, { timeout: 5_000 }).toBe(CONNECTIONS);
  const one = renew("tn_one");
  const body = JSON.stringify({ access_token: "t", token_type: "bearer", expires_in: 60 });
  const giving = setInterval(() => {
    const response = asked.shift();
    response?.writeHead(200, { "Content-Type": "application/json" }).end(body);
  }, 1);
  onTestFinished(() => clearInterval(giving));
  await Promise.all([...crowd, one]);

  expect(order).toHaveLength(MANY + 1);
  // Those that were under way are answered first, and one more has had its turn.
  expect(order.indexOf("tn_one")).toBeLessThan(CONNECTIONS + 10);
});
