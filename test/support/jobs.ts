// Jobs of knowledge as a test follows them through the door.

import { expect } from "vitest";
import type { HttpHost } from "./http-host.ts";
import type { Json } from "./wire-client.ts";

const INTERVAL_MS = 5;
const TIMEOUT_MS = 20_000;

/** The job at this path once it has this status. @throws what it says of itself instead. */
export async function jobAs(
  host: HttpHost,
  path: string,
  status: string,
  timeoutMs = TIMEOUT_MS,
): Promise<Json> {
  let job: Json;
  const now = async (): Promise<readonly unknown[]> => {
    job = (await host.call("GET", path)).body;
    return [job.status, job.status === status ? "" : job.error];
  };
  await expect.poll(now, { timeout: timeoutMs, interval: INTERVAL_MS }).toEqual([status, ""]);
  return job;
}
