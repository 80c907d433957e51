// A run as a turn asks for it.

import type { RunSpec } from "../actor.ts";
import type { Address } from "../address.ts";
import type { Asker } from "../message.ts";

/** A run to start. */
export interface StartRequest {
  readonly id: string;
  readonly spec: RunSpec;
  readonly parent: Address;
  readonly asker?: Asker;
  readonly trace?: string | undefined;
}
