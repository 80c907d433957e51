// How an actor's stored snapshot becomes its state: older versions are migrated, newer ones refused.

import type { ActorDefinition, Data } from "../actor.ts";
import type { Address } from "../address.ts";
import { RuntimeError } from "../errors.ts";
import { decode } from "../store/codec.ts";

/** @throws RuntimeError STATE_TOO_NEW, FOREIGN_DATA, INTERNAL when a migration is missing. */
export function stateFrom(
  definition: ActorDefinition<Data, Data>,
  address: Address,
  bytes: Uint8Array | undefined,
): Data {
  if (bytes === undefined) return definition.initial(address);
  const { version, state } = decode(bytes) as { version: number; state: Data };
  if (version === definition.version) return state;
  const known = definition.version;
  if (version > known) {
    const text = `The state of ${address} has version ${version}; known are versions up to ${known}.`;
    throw new RuntimeError("STATE_TOO_NEW", text, { version, known });
  }
  if (definition.migrate === undefined) {
    const text = `The state of ${address} has version ${version} and there is no migration to ${known}.`;
    throw new RuntimeError("INTERNAL", text, { version, known });
  }
  return definition.migrate(state, version);
}
