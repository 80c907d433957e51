// The settings that say who may speak to the front door, and for whom: part of config-schema.ts.

import type { Fields } from "./config-field.ts";

/** Part of the group `http`. */
export const frontFields = {
  allowedHosts: {
    type: "texts",
    text: "Host headers accepted beside the listening address and loopback names.",
    default: [],
    itemsMax: 100,
    charsMax: 255,
  },
  allowedOrigins: {
    type: "texts",
    text: "Browser origins accepted beside the server's own, e.g. https://example.com.",
    default: [],
    itemsMax: 100,
    charsMax: 255,
  },
  trustedProxies: {
    type: "texts",
    text: "Addresses and networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed.",
    default: [],
    itemsMax: 100,
    charsMax: 64,
  },
} as const satisfies Fields;
