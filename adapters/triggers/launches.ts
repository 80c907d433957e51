// Work of triggers as main begins it: a message to the target like any other, through the same gates and limits,
// paid under a service of its own. Begun again under its key it is the same run.

import type { Launch, Launched, Launches, Work } from "../../actors/triggers/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import type { ChatService } from "../http/services/chat.ts";
import { onceKey } from "../http/services/once.ts";

/** What triggers begin is paid and counted under this name. */
export const TRIGGER_SERVICE = "triggers";

/** What it works with. */
export interface LaunchParts {
  readonly chat: Pick<ChatService, "background">;
  readonly system: Pick<System, "cancel">;
  /** Runs of agents with an origin that work at once, over all tenants. */
  readonly atOnce: number;
}

/** The port, which also begins work that no trigger is told the end of. */
export interface Launcher extends Launches {
  launch(work: Work | Launch, signal: AbortSignal): Promise<Launched>;
}

/** Makes it. */
export function createLaunches({ chat, system, atOnce }: LaunchParts): Launcher {
  return {
    launch: async (work, signal) => {
      const { tenant, target, text, conversation, timeoutMs, key, depth, joins = false } = work;
      const by = "trigger" in work ? work : null;
      const { run, queued = false } = await chat.background({
        caller: { tenant, keyId: null, service: TRIGGER_SERVICE },
        ...{ agent: target, text, signal, stream: false, atOnce },
        ...(timeoutMs !== undefined && { timeoutMs }),
        // One that is there is gone on with.
        ...(joins ? { conversation } : { conversation: null, opens: conversation }),
        ...(by !== null && !joins && { user: by.trigger }),
        onBusy: "enqueue",
        once: onceKey(key, `${target}\n${conversation}\n${text}`),
        ...(by && { tells: { asker: by.trigger, ask: by.occurrence, depth } }),
      });
      return { run, isQueued: queued };
    },
    cancel: async ({ tenant, run, reason }) => {
      try {
        await system.cancel(tenant, run, reason);
      } catch (error) {
        // It has ended by itself.
        const isOver =
          error instanceof RuntimeError && ["NOT_FOUND", "CONFLICT"].includes(error.code);
        if (!isOver) throw error;
      }
    },
  };
}
