// The settings of channels: part of config-schema.ts.

import type { NamedEntries, NamedField } from "./config-field.ts";

/** `channels`. */
export const channelsField: NamedField = {
  type: "named",
  text: "Channels of this server by name, each with who answers (`agent`, an id or a name), its `tenant` (default `tn_default`), its `kind` (default: its name) and the fields of its kind.",
  default: {},
  itemsMax: 200,
  // Adapters load for a file that has channels.
  check: async (entries: NamedEntries) => (await import("./channels/entries.ts")).faultsOf(entries),
};

/** The group `gateway`. */
export const gatewayGroup = {
  type: "group",
  text: "Channels: where people reach agents.",
  fields: {
    hosts: {
      type: "texts",
      text: "Hosts of private networks that accounts of channels may reach.",
      default: [] as readonly string[],
      itemsMax: 100,
      charsMax: 255,
    },
    middleware: {
      type: "text",
      text: "ES module whose exported functions channels may name as their middleware (`channels/README.md`): it runs in the server.",
      default: null as string | null,
      charsMax: 4_000,
    },
  },
} as const;
