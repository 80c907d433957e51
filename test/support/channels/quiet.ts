// A kind of channel that asks for nothing secret and says nothing, and the kinds of the tests' hosts.

import { Type } from "../../../actors/schema.ts";
import type { Handled } from "../../../adapters/channels/adapter.ts";
import { defineChannel } from "../../../adapters/channels/define.ts";
import { type Registry, registry } from "../../../adapters/channels/registry.ts";
import { relay } from "./relay.ts";

const nothing: Handled = { events: [], ack: { status: 200, body: "quiet" } };

/** What the end of an account waits for. */
export const quietEnd: { wait: () => Promise<void> } = { wait: async () => undefined };

/** It only is there. */
export const quiet = defineChannel({
  ...relay,
  kind: "quiet",
  settings: Type.Object(
    { api_url: Type.String({ minLength: 8 }) },
    { additionalProperties: false },
  ),
  secrets: [],
  create: () => ({
    routes: (["GET", "POST"] as const).flatMap((method) =>
      ["", "/a", "/a/b"].map((path) => ({ method, path, bodyMax: 1_000, handle: () => nothing })),
    ),
    render: ({ text }) => [{ body: { text }, plain: text }],
    renderPlain: ({ text }) => [{ body: { text }, plain: text }],
    send: async () => ({ ok: false, class: "gone", reason: "Nobody listens." }),
    probe: async () => [{ ok: false, text: "Nobody listens.", help: "Choose another kind." }],
    close: () => quietEnd.wait(),
  }),
});

/** What comes with the server, and these. */
export const testRegistry: Registry = {
  ...registry,
  quiet: async () => quiet,
  relay: async () => relay,
};
