// The settings that bound the server of the front door: part of config-schema.ts.

import { type IntegerField, integer } from "./config-field.ts";
import type { ServerLimits } from "./http/server.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MINUTE_MS = 60_000;

/** Part of the group `http`. */
export const serverLimits = {
  bodyBytesMax: integer("Largest request body; more is 413.", "bytes", [MIB, KIB, 64 * MIB]),
  headerBytesMax: integer("Largest request head; more is 431.", "bytes", [
    16 * KIB,
    KIB,
    256 * KIB,
  ]),
  connectionsMax: integer(
    "Open connections; one more is 503.",
    "connections",
    [20_000, 1, 1_000_000],
  ),
  connectionsPerAddressMax: integer(
    "Of them of one address (a /64 of IPv6) that is no trusted proxy; more are closed.",
    "connections",
    [10_000, 1, 1_000_000],
  ),
  bodyTimeoutMs: integer("A body must have arrived after this long, else 408.", "ms", [
    10_000,
    100,
    10 * MINUTE_MS,
  ]),
  slowReaderMs: integer("A client that reads nothing for this long is cut.", "ms", [
    30_000,
    100,
    60 * MINUTE_MS,
  ]),
  sendBufferBytesMax: integer("Held for one slow reader before it is cut.", "bytes", [
    MIB,
    16 * KIB,
    64 * MIB,
  ]),
  unsentBytesMax: integer(
    "Held for all slow readers; past it those that wait longest are cut.",
    "bytes",
    [256 * MIB, MIB, 64 * 1024 * MIB],
  ),
  unsentBytesPerAddressMax: integer(
    "Held for slow readers of one address that is no trusted proxy; past it those that wait longest are cut.",
    "bytes",
    [64 * MIB, MIB, 64 * 1024 * MIB],
  ),
  socketMessageBytesMax: integer("Largest WebSocket message.", "bytes", [MIB, KIB, 64 * MIB]),
} satisfies Record<keyof ServerLimits, IntegerField>;
