// The machine's clock: behind what is stored already, before this program was made, jumping, or set by nobody.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { environmentFile } from "../../runtime/store/lmdb.ts";
import { type Check, error, type Finding, ok, warning } from "./check.ts";

/** No clock that is right shows less: this program was written after it. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);
/** Ahead of the clock by less, a stored time is the same moment. */
const AHEAD_MS = 2_000;
/** What the clock may differ in from one that nobody sets, ms, in so many ms. */
const JUMP_MS = 100;
const LOOK_MS = 300;
const TIMEDATECTL_MS = 3_000;

export const clockCheck: Check = {
  name: "clock",
  run: async ({ data }) => {
    const findings = [...(await setBack(data)), ...(await jumping()), ...(await unsynchronised())];
    return findings.length > 0 ? findings : [ok(`The clock shows ${new Date().toISOString()}.`)];
  },
};

async function setBack(data: string): Promise<Finding[]> {
  const fix = "Set the clock (timedatectl set-ntp true), then start the server.";
  const now = Date.now();
  if (now < EARLIEST_MS) {
    return [error(`The clock shows ${new Date(now).toISOString()}, which is past.`, fix)];
  }
  const files = [environmentFile(data, "hot"), environmentFile(data, "bulk")];
  const times = await Promise.all(files.map((file) => stat(file).catch(() => null)));
  const newest = Math.max(0, ...times.map((one) => one?.mtimeMs ?? 0));
  if (newest <= now + AHEAD_MS) return [];
  const seconds = Math.round((newest - now) / 1_000);
  const text = `The stores were written ${seconds} s after what the clock shows now: it was set back.`;
  const effect =
    "Reminders and sleeping runs come that much later, and lists are in another order.";
  return [error(`${text} ${effect}`, fix)];
}

async function jumping(): Promise<Finding[]> {
  const [wall, steady] = [Date.now(), performance.now()];
  await pause(LOOK_MS);
  const apart = Math.abs(Date.now() - wall - (performance.now() - steady));
  if (apart < JUMP_MS) return [];
  const text = `The clock moved by ${Math.round(apart)} ms against one that nobody sets.`;
  return [
    warning(text, "Let one program set the clock, in small steps (chrony, systemd-timesyncd)."),
  ];
}

/** Where nothing says whether it is, there is no finding: in a container it is the host's. */
async function unsynchronised(): Promise<Finding[]> {
  if (existsSync("/run/systemd/timesync/synchronized")) return [];
  const asked = await promisify(execFile)(
    "timedatectl",
    ["show", "--property=NTPSynchronized", "--value"],
    { timeout: TIMEDATECTL_MS },
  ).catch(() => null);
  if (asked?.stdout.trim() !== "no") return [];
  const text = "Nothing sets the clock by others: it drifts, and tokens of others seem expired.";
  return [warning(text, "timedatectl set-ntp true")];
}
