// A host with data sets to evaluate: made through the door, run to their ends.

import { expect } from "vitest";
import type { HttpHost } from "./http-host.ts";
import type { Json } from "./wire-client.ts";

const WITHIN = { timeout: 10_000, interval: 5 };

/** An evaluation at its end, and what became of its items. */
export interface Ended {
  readonly end: Json;
  readonly results: Json[];
}

/** What tests do with evaluations. */
export interface EvaluationDesk {
  /** Body of what was made. */
  make(path: string, body: object): Promise<Json>;
  /** A data set with these items; its id. */
  dataset(items: readonly object[]): Promise<string>;
  /** An agent; its id. */
  agentOf(system_message: string): Promise<string>;
  /** Starts one and waits for its end. */
  evaluate(body: object): Promise<Ended>;
  ended(id: string): Promise<Ended>;
}

/** A message of the user. */
export const user = (content: string): { role: "user"; content: string } => ({
  role: "user",
  content,
});

/** Items on capitals, of which the second expects more than is known. */
export const capitals = [
  { messages: [user("Capital of France?")], expected: { text: "Paris", facts: ["Paris"] } },
  { messages: [user("Capital of Italy?")], expected: { text: "Rome", facts: ["Rome", "Tiber"] } },
];

/** What is known of them. */
export const knows = (of: string): string =>
  of.includes("France") ? "Paris" : of.includes("Italy") ? "Rome" : "I do not know.";

/** What the model was asked. */
export const lastUser = (request: {
  readonly messages: readonly { readonly content: string }[];
}): string => request.messages.at(-1)?.content ?? "";

/** The desk at a host. */
export function evaluationDesk(host: HttpHost): EvaluationDesk {
  const make: EvaluationDesk["make"] = async (path, body) => {
    const { status, body: made } = await host.call("POST", path, body);
    expect([status, made]).toEqual([201, expect.anything()]);
    return made;
  };
  const ended: EvaluationDesk["ended"] = async (id) => {
    const read = async (): Promise<Json> => (await host.call("GET", `/v2/evaluations/${id}`)).body;
    await expect.poll(async () => (await read()).status, WITHIN).not.toBe("running");
    const results = await host.call("GET", `/v2/evaluations/${id}/results?limit=100`);
    return { end: await read(), results: results.body.data };
  };
  return {
    make,
    ended,
    dataset: async (items) => {
      const { id } = await make("/v2/datasets", { name: "Questions" });
      if (items.length > 0) await make(`/v2/datasets/${id}/items`, [...items]);
      return id;
    },
    agentOf: async (system_message) =>
      (await make("/v2/agents", { name: "Geographer", system_message, model_name: "m-1" })).id,
    evaluate: async (body) => await ended((await make("/v2/evaluations", body)).id),
  };
}
