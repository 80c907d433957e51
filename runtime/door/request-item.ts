// A message from outside as it goes to a worker.

import type { RuntimeConfig } from "../config.ts";
import type { DoorItem } from "../message.ts";
import type { SendOptions } from "../system.ts";

type RequestItem = DoorItem & { readonly type: "request" };

/** The item; fields that are not given are left out, since each is copied to another thread. */
export function requestItem(
  sent: Pick<RequestItem, "id" | "to" | "message" | "want"> & { readonly timeoutMs: number },
  { key, trace, level }: SendOptions,
  { durability }: Pick<RuntimeConfig, "durability">,
): RequestItem {
  const { timeoutMs, ...rest } = sent;
  const deadlineMs = Date.now() + timeoutMs;
  const item = { type: "request", ...rest, deadlineMs, level: level ?? durability } as const;
  if (key === undefined && trace === undefined) return item;
  return {
    ...item,
    ...(key === undefined ? {} : { key }),
    ...(trace === undefined ? {} : { trace }),
  };
}
