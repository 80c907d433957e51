// What a tenant sends of whom others are not to feel much: at a pace, whatever is answered, or as fast as
// it is answered.

import { Connection, runLoad } from "./client.ts";

const HTTP_REFUSED = 300;
const CONNECTIONS = 100;
const TICK_MS = 5;

/** What is sent, and where to. */
export interface Loud {
  readonly port: number;
  /** The next request's bytes. */
  next(): Buffer;
  /** Whether it is no fault that requests are refused. Default false. */
  readonly mayRefuse?: boolean;
}

/** Ends a load; how many of its requests were answered. */
export type Load = () => number | Promise<number>;

/** Sends at a pace, on as many connections as it takes, at most `CONNECTIONS`. */
export async function pacedLoad(
  { port, next, mayRefuse = false }: Loud,
  perSecond: number,
): Promise<Load> {
  const all = Array.from({ length: CONNECTIONS }, () => new Connection({ port }));
  const idle = [...all];
  await Promise.all(all.map((connection) => connection.open()));
  const refused = new Set<number>();
  const startMs = performance.now();
  let sent = 0;
  let answered = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * perSecond;
    for (; sent < due; sent += 1) {
      const connection = idle.pop();
      if (connection === undefined) return;
      connection.send(next()).then(
        ({ status }) => {
          if (status >= HTTP_REFUSED && !mayRefuse) refused.add(status);
          answered += 1;
          idle.push(connection);
        },
        () => undefined,
      );
    }
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    for (const connection of all) connection.close();
    if (refused.size > 0) throw new Error(`Requests were answered ${[...refused].join(" ")}.`);
    return answered;
  };
}

/** Sends as fast as it is answered, for so long. */
export async function fullLoad(
  { port, next }: Loud,
  inFlight: number,
  seconds: number,
): Promise<Load> {
  const load = runLoad({ port, inFlight, warmMs: 0, durationMs: seconds * 1_000, next });
  return async () => {
    const { statuses, perSecond } = await load;
    const refused = Object.keys(statuses).filter((status) => Number(status) >= HTTP_REFUSED);
    if (refused.length > 0) throw new Error(`Requests were answered ${refused.join(" ")}.`);
    return perSecond * seconds;
  };
}
