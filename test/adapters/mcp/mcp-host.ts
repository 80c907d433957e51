// A front door with a desk, a team, workflows and a collection, and the official client connected to it.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect } from "vitest";
import type { HttpHost } from "../../support/http-host.ts";

/** Revisions of the protocol: the current one alone, or those before it alone. */
export type Era = "current" | "older";
export const eras: readonly Era[] = ["current", "older"];

/** How a client is made. */
export interface ClientOptions {
  readonly key?: string;
  /** Answers questions for its person; without it the client says that it cannot ask. */
  readonly person?: (message: string) => object;
}

/** A client that speaks one era only. */
export async function connect(
  url: string,
  key: string,
  era: Era,
  { person }: ClientOptions = {},
): Promise<Client> {
  const client = createClient(era, person);
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
      requestInit: { headers: { Authorization: `Bearer ${key}` } },
    }),
  );
  return client;
}

/** The same, not connected yet. */
export function createClient(era: Era, person?: ClientOptions["person"]): Client {
  const client = new Client(
    { name: "test", version: "1.0.0" },
    {
      capabilities: person === undefined ? {} : { elicitation: { form: {} } },
      versionNegotiation: { mode: era === "current" ? { pin: "2026-07-28" } : "legacy" },
    },
  );
  if (person !== undefined) {
    client.setRequestHandler("elicitation/create", ({ params }) => {
      return person(params.message) as { action: "accept" };
    });
  }
  return client;
}

/** Records of a tenant that are tools. */
export interface Desk {
  readonly agent: string;
  readonly team: string;
  /** With a form of input. */
  readonly orders: string;
  /** Waits for a decision, and gives it. */
  readonly asks: string;
  readonly collection: string;
}

/** Makes them. */
export async function makeDesk(host: HttpHost, key = host.key): Promise<Desk> {
  const make = async (path: string, body: object): Promise<string> => {
    const made = await host.call("POST", path, body, { key });
    expect(made.status, JSON.stringify(made.body)).toBeLessThan(300);
    return made.body.id;
  };
  const agent = await make("/v2/agents", {
    ...{ name: "Desk", description: "Knows exports.", model_name: "m-1" },
  });
  const team = await make("/v2/teams", {
    ...{ name: "Both", mode: "coordinate", members: [{ agent }] },
  });
  const state_schema = { properties: { answer: {} } };
  const end = { id: "end", type: "end" };
  const orders = await make("/v2/workflows", {
    name: "Orders",
    graph_definition: { nodes: [end], edges: [] },
    input_schema: {
      ...{ type: "object", required: ["order"], additionalProperties: false },
      properties: { order: { $ref: "#/$defs/number" } },
      $defs: { number: { type: "integer" } },
    },
    ...{ state_schema, output: '{"order": input.order}' },
  });
  const asks = await make("/v2/workflows", {
    name: "Asks",
    graph_definition: {
      nodes: [
        {
          ...{ id: "ask", type: "approval", reason: "It costs.", arguments: '{"n": 1}' },
          save: "answer",
        },
        end,
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    ...{ state_schema, output: "answer" },
  });
  const collection = await make("/v2/knowledge/collections", { name: "Manual" });
  await make(`/v2/knowledge/collections/${collection}/documents?wait=true`, {
    title: "Export",
    text: "You can export an invoice as PDF from the settings page.",
  });
  return { agent, team, orders, asks, collection };
}
