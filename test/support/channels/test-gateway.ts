// Channels of the tests' hosts: platforms are on this machine.

import type { GatewaySettings } from "../../../adapters/channels/gateway.ts";
import type { Registry } from "../../../adapters/channels/registry.ts";
import { testRegistry } from "./quiet.ts";

/** What their operator says. */
export const testGateway: GatewaySettings & { readonly registry: Registry } = {
  hosts: ["127.0.0.1"],
  middleware: null,
  publicUrl: "https://troupe.example.com",
  registry: testRegistry,
};
