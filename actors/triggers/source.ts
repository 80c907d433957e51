// What triggers listen to: one actor for each record that one listens to, `trigger-source:<tenant>/<id>`. It alone
// writes who listens, so that triggers that begin and end at once do not undo each other.

import { defineActor, type Turn } from "../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../runtime/address.ts";
import { type Listener, type ListenersRow, listenersTable } from "./listeners.ts";

/** Everything it is told; answered with null. */
export type SourceMessage =
  | { readonly type: "listen"; readonly listener: Listener }
  | { readonly type: "leave"; readonly trigger: string };

const SOURCE_KIND = "trigger-source";

/** Of a record. */
export function sourceAddress(tenant: string, of: string): Address {
  return address({ kind: SOURCE_KIND, tenant, root: of });
}

/** Kind `trigger-source`. */
export const triggerSourceActor = defineActor<ListenersRow, SourceMessage>({
  kind: SOURCE_KIND,
  version: 1,
  initial: () => ({ listeners: [] }),
  receive({ listeners }, message, turn) {
    turn.reply(null);
    if (message.type === "leave") {
      return kept(
        listeners.filter(({ trigger }) => trigger !== message.trigger),
        turn,
      );
    }
    const { listener } = message;
    const others = listeners.filter(({ trigger }) => trigger !== listener.trigger);
    return kept([...others, listener], turn);
  },
});

function kept(listeners: readonly Listener[], turn: Turn): ListenersRow {
  const row = { listeners };
  const { root: of } = addressParts(turn.self);
  turn.putRow(listenersTable, of, listeners.length === 0 ? undefined : row);
  return row;
}
