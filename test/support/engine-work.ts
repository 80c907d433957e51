// Work of a driver on this machine, as its tests do it: a target in a folder of its own, and what was told.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkEnd, WorkEvent, WorkTask } from "../../actors/engines/works.ts";
import type { Driver } from "../../adapters/engines/driver.ts";
import { Line } from "../../adapters/targets/line.ts";
import { localSpawner } from "../../adapters/targets/local.ts";
import { processLedger } from "../../adapters/targets/process-ledger.ts";
import type { Spawner } from "../../adapters/targets/spawner.ts";

/** A folder in which processes work. */
export interface Workshop {
  readonly folder: string;
  readonly spawner: Spawner;
  end(): Promise<void>;
}

/** Makes one. */
export async function openWorkshop(processes = 8): Promise<Workshop> {
  const data = await mkdtemp(join(tmpdir(), "troupe-work-"));
  const folder = await mkdtemp(join(data, "at-"));
  const spawner = localSpawner({
    name: "here",
    config: { folder, processes },
    line: new Line(100),
    ledger: processLedger(data),
    environment: () => ({ PATH: process.env["PATH"] ?? "" }),
  });
  return { folder, spawner, end: () => rm(data, { recursive: true, force: true }) };
}

/** What came of a piece of work. */
export interface Told {
  readonly end: WorkEnd;
  readonly events: readonly WorkEvent[];
  /** All text that was shown. */
  readonly text: string;
}

/** What it is given while it works. */
export interface DriveOptions extends Partial<WorkTask> {
  readonly signal?: AbortSignal;
  /** Called with each event; gives what says more to the work. */
  on?(event: WorkEvent, say: (text: string) => boolean): void;
}

/** Has a driver do a task. @throws what it throws. */
export async function drive(
  driver: Driver,
  text: string,
  options: DriveOptions = {},
): Promise<Told> {
  const { signal = new AbortController().signal, on, ...more } = options;
  const events: WorkEvent[] = [];
  let listener = (_: string): boolean => false;
  const task: WorkTask = {
    ...{ tenant: "tn_1", engine: "en_1", operation: "rn_1/engine:work", place: "cv_1", text },
    ...more,
  };
  const end = await driver(task, {
    signal,
    emit: async (event) => {
      events.push(event);
      on?.(event, (said) => listener(said));
    },
    hear: (own) => {
      listener = own;
    },
  });
  const shown = events.flatMap((event) => (event.type === "text" ? [event.text] : []));
  return { end, events, text: shown.join("") };
}
