// Watching files for triggers, loaded with the first that does: a server without one has none of it.

import type { TriggerInput } from "../../actors/records/trigger.ts";
import type { FolderGrant } from "../../actors/tools/folders.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import type { TriggerPlace } from "./places.ts";
import type { WatchStatus } from "./watch/file-watch.ts";
import type { Watches } from "./watch/watches.ts";

/** What others see of it. */
export interface Watching {
  /** As Watches. */
  changed(place: TriggerPlace, record: TriggerInput | undefined): Promise<void>;
  begin(place: TriggerPlace): Promise<void>;
  status(place: TriggerPlace): Promise<WatchStatus | null>;
  stop(): void;
}

/** What it works with. */
export interface WatchingParts {
  readonly system: Pick<System, "ask" | "records" | "tables">;
  /** Folders that the operator granted. Default: none. */
  readonly folders?: readonly FolderGrant[] | undefined;
  readonly log: Log;
}

/** Makes it, over the disk. */
export function watchFiles({ system, folders: grants = [], log }: WatchingParts): Watching {
  return laterWatches(async () => {
    const { createWatches } = await import("./watch/watches.ts");
    const { diskEyes: eyes } = await import("./watch/eyes.ts");
    const { realClock: clock } = await import("../../runtime/clock.ts");
    return createWatches({ system, grants, eyes, clock, log });
  });
}

function laterWatches(make: () => Promise<Watches>): Watching {
  let made: Promise<Watches> | null = null;
  let isStopped = false;
  const watches = async (): Promise<Watches> => {
    made ??= make();
    const all = await made;
    if (isStopped) all.stop();
    return all;
  };
  return {
    changed: async (place, record) => {
      if (made === null && record?.type !== "file_change") return;
      await (await watches()).changed(place, record);
    },
    begin: async (place) => (await watches()).begin(place),
    status: async (place) => (await made)?.status(place) ?? null,
    stop: () => {
      isStopped = true;
      made?.then(
        (all) => all.stop(),
        () => undefined,
      );
    },
  };
}
