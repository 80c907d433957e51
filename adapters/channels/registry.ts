// The kinds of channels that this server knows: each is loaded when its first account is opened. Whoever
// writes an adapter adds its line; README.md beside this file says what an adapter is.

import { RuntimeError } from "../../runtime/errors.ts";
import type { ChannelAdapter } from "./adapter.ts";

/** Loads an adapter. */
export type LoadAdapter = () => Promise<ChannelAdapter>;

/** Adapters by kind. */
export type Registry = Readonly<Record<string, LoadAdapter>>;

/**
 * What comes with the server, in the order of kinds. A line is
 * `slack: async () => (await import("./slack/adapter.ts")).slack,`: nothing is loaded before it is called.
 */
export const registry: Registry = {
  discord: async () => (await import("./discord/adapter.ts")).discord,
  email: async () => (await import("./email/adapter.ts")).email,
  slack: async () => (await import("./slack/adapter.ts")).slack,
  sms: async () => (await import("./sms/adapter.ts")).sms,
  telegram: async () => (await import("./telegram/adapter.ts")).telegram,
  teams: async () => (await import("./teams/adapter.ts")).teams,
  web_chat: async () => (await import("./web-chat/adapter.ts")).webChat,
  webhook: async () => (await import("./webhook/adapter.ts")).webhook,
  whatsapp: async () => (await import("./whatsapp/adapter.ts")).whatsapp,
};

const added = new Map<string, LoadAdapter>();

/** Adds an adapter of one's own, for this process. @throws RuntimeError CONFLICT for a kind that comes with the server. */
export function register(adapter: ChannelAdapter): void {
  if (Object.hasOwn(registry, adapter.kind)) {
    const message = `There is a channel "${adapter.kind}" already: give yours another kind.`;
    throw new RuntimeError("CONFLICT", message);
  }
  added.set(adapter.kind, async () => adapter);
}

/** The adapter of a kind. @throws RuntimeError INVALID for a kind that is not known, with those that are. */
export async function adapterOf(kind: string, known: Registry = registry): Promise<ChannelAdapter> {
  const load = Object.hasOwn(known, kind) ? known[kind] : added.get(kind);
  if (load !== undefined) return await load();
  const kinds = [...Object.keys(known), ...added.keys()].sort().join(", ");
  throw new RuntimeError("INVALID", `There is no kind of channel "${kind}"; there are ${kinds}.`, {
    pointer: "/kind",
  });
}
