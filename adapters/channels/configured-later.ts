// A troupe.yaml without channels: its first one is kept as those that were there at the start are. Until then
// nothing of channels is loaded.

import { readFile } from "node:fs/promises";
import { lookAgain } from "../file-looks.ts";

const NAMED = /^\s*["']?channels["']?\s*:/m;

/** Waits for them. @param begin is called once, when the file names channels. @returns what ends the waiting. */
export async function waitForChannels(file: string, begin: () => void): Promise<() => void> {
  let text = "";
  let isOver = false;
  const look = async (): Promise<void> => {
    const now = await readFile(file, "utf8").catch(() => "");
    if (isOver || now === text) return;
    text = now;
    if (!NAMED.test(now)) return;
    end();
    begin();
  };
  const stop = lookAgain(look, () => undefined);
  const end = (): void => {
    isOver = true;
    stop();
  };
  // It may have changed since the start has read it.
  await look();
  return end;
}
