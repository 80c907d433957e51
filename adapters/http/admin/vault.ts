// The master key of stored secrets: which there are, and a new one while everything goes on. The operator's.

import { Type } from "../../../actors/schema.ts";
import type { Rotation, RotationState } from "../../vault/rotation.ts";
import { named } from "../openapi/named.ts";
import { answers, count, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { common } from "./common.ts";

const closed = { additionalProperties: false } as const;
const stateSchema = named(
  "VaultState",
  Type.Object(
    {
      source: Type.String({
        description: "Where the key comes from: environment, file, command, or folder.",
      }),
      current_key: Type.String({ description: "Id of the key under which secrets are wrapped." }),
      other_keys: Type.Array(Type.String(), {
        description: "Ids of keys that still open what was wrapped before.",
      }),
      state: Type.String({ description: "running, done or failed." }),
      rows: count,
      changed: count,
      unreadable: count,
      error: orNull(Type.String()),
    },
    closed,
  ),
);

/** The routes. */
export function vaultRoutes(rotation: Rotation): readonly Route[] {
  return [
    defineRoute({
      summary: "Read how the master key stands",
      description:
        "Ids of the master keys, never the keys, and how far the last pass over everything stored has come: rows looked at, rows changed, and rows with a secret that no known key opens.",
      responses: answers(200, stateSchema, "The state."),
      ...common,
      method: "GET",
      pattern: "/admin/vault",
      permission: "server.observe",
      query: [],
      handler: () => json(200, stateView(rotation.state())),
    }),
    defineRoute({
      summary: "Take a new master key",
      description:
        "The server's own key file gets a new key; of a file or command of the operator the key that stands first now counts, with the old one behind it. Reads and writes go on; everything is wrapped anew in the background, and `done` says that the old key is not needed any more. 409 while that is under way, and where there is no new key.",
      responses: answers(202, stateSchema, "It has begun."),
      ...common,
      method: "POST",
      pattern: "/admin/vault/rotate",
      permission: "server.control",
      query: [],
      handler: async () => json(202, stateView(await rotation.rotate())),
    }),
  ];
}

function stateView({ origin, keys, state, progress, error }: RotationState): object {
  const [current_key, ...other_keys] = keys;
  return { source: origin, current_key, other_keys, state, ...progress, error };
}
