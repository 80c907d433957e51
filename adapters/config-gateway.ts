// The settings of channels: part of config-schema.ts.

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
