// What the two processes of a restart say to each other over the channel that joins them. They may be of
// different versions: a message that is not known is left alone.

import type { WatchedRun } from "../../runtime/door/successor.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";

/** From the process that goes to the one that comes. */
export type ToSuccessor =
  /** Listen at this port, beside me, and hold what arrives. */
  | { readonly type: "begin"; readonly port: number }
  /** The data folder is yours. */
  | { readonly type: "given-up" }
  | { readonly type: "follow"; readonly id: number; readonly watched: WatchedRun }
  /** Nobody watches any more. */
  | { readonly type: "drop"; readonly id: number }
  | {
      readonly type: "cancel";
      readonly id: number;
      readonly tenant: string;
      readonly run: string;
      readonly reason: string;
    };

/** From the process that comes to the one that goes. */
export type ToPredecessor =
  /** It listens, and takes what is relayed at this Unix socket. */
  | { readonly type: "listening"; readonly relay: string }
  /** What was held is being answered. */
  | { readonly type: "ready" }
  | { readonly type: "frames"; readonly id: number; readonly frames: readonly Frame[] }
  /** A follow or a cancel is over. */
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorData };

/** Whether something that came over the channel can be a message. */
export function isMessage(value: unknown): value is { readonly type: string } {
  return typeof value === "object" && value !== null && "type" in value;
}
