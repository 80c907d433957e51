// Which shards should move, decided from a few figures and nothing else. Two reasons: a worker that
// is new has too few shards, or one worker is much busier than another for a while. A shard moves
// seldom, and only when the two are closer together afterwards: so nothing goes back and forth.

/** One worker as it was since the last look. */
export interface WorkerLoad {
  readonly worker: number;
  /** Share of the time its thread was busy, 0..1. */
  readonly busy: number;
  /** False while it must not be given anything: it has just died over something. */
  readonly canTake: boolean;
  /** Its shards and the share of the thread's time spent on each; their sum is at most `busy`. */
  readonly shards: ReadonlyMap<number, number>;
}

/** What is remembered from look to look. */
export interface BalanceState {
  /** Looks in a row at which the load was uneven. */
  readonly uneven: number;
  /** When each shard was moved for its load. */
  readonly movedAtMs: ReadonlyMap<number, number>;
}

/** Shards to move from one worker to another. */
export interface ShardMove {
  readonly from: number;
  readonly to: number;
  readonly shards: readonly number[];
}

/** Named limits of the balance. */
export interface BalanceLimits {
  /** A worker less busy than this is left alone. */
  readonly busyMin: number;
  /** Busiest and idlest must be this far apart. */
  readonly gapMin: number;
  /** ... for so many looks in a row. */
  readonly looks: number;
  /** Shards moved for their load at one look, and within a minute. */
  readonly movesALook: number;
  readonly movesAMinute: number;
  /** A shard moved for its load stays this long. */
  readonly restMs: number;
  /** A shard lighter than this is not worth a move. */
  readonly loadMin: number;
}

export const BALANCE_LIMITS: BalanceLimits = {
  busyMin: 0.5,
  gapMin: 0.25,
  looks: 3,
  movesALook: 4,
  movesAMinute: 20,
  restMs: 120_000,
  loadMin: 0.005,
};

export const NEW_BALANCE: BalanceState = { uneven: 0, movedAtMs: new Map() };

const MINUTE_MS = 60_000;

/** The moves of one look, and what to remember for the next. Pure. */
export function balance(
  workers: readonly WorkerLoad[],
  state: BalanceState,
  nowMs: number,
  limits: BalanceLimits = BALANCE_LIMITS,
): { readonly moves: readonly ShardMove[]; readonly state: BalanceState } {
  const filling = fill(workers);
  if (filling.length > 0) return { moves: filling, state: { ...state, uneven: 0 } };
  const movedAtMs = new Map([...state.movedAtMs].filter(([, at]) => at > nowMs - limits.restMs));
  const pair = busiestAndIdlest(workers, limits);
  if (pair === null) return { moves: [], state: { uneven: 0, movedAtMs } };
  const uneven = state.uneven + 1;
  if (uneven < limits.looks) return { moves: [], state: { uneven, movedAtMs } };
  const lately = [...movedAtMs.values()].filter((at) => at > nowMs - MINUTE_MS).length;
  const most = Math.min(limits.movesALook, limits.movesAMinute - lately);
  const shards = lighten(pair, movedAtMs, most, limits);
  if (shards.length === 0) return { moves: [], state: { uneven, movedAtMs } };
  for (const shard of shards) movedAtMs.set(shard, nowMs);
  const move = { from: pair.busiest.worker, to: pair.idlest.worker, shards };
  return { moves: [move], state: { uneven: 0, movedAtMs } };
}

/**
 * Gives a worker with less than half its fair number of shards its share: a new one, or one that
 * took the place of a dead one. The idlest shards go, they cost nothing to move.
 */
export function fill(workers: readonly WorkerLoad[]): readonly ShardMove[] {
  const total = workers.reduce((sum, { shards }) => sum + shards.size, 0);
  const fair = Math.floor(total / Math.max(1, workers.length));
  const moves: ShardMove[] = [];
  const left = new Map(workers.map(({ worker, shards }) => [worker, idlestFirst(shards)]));
  for (const taker of workers) {
    if (!taker.canTake || taker.shards.size * 2 >= fair) continue;
    let wanted = fair - taker.shards.size;
    for (const giver of workers) {
      const shards = left.get(giver.worker) ?? [];
      const spare = shards.splice(0, Math.min(wanted, Math.max(0, shards.length - fair)));
      if (giver === taker || spare.length === 0) continue;
      wanted -= spare.length;
      moves.push({ from: giver.worker, to: taker.worker, shards: spare });
    }
  }
  return moves;
}

interface Pair {
  readonly busiest: WorkerLoad;
  readonly idlest: WorkerLoad;
}

function busiestAndIdlest(workers: readonly WorkerLoad[], limits: BalanceLimits): Pair | null {
  const [busiest] = [...workers].sort((a, b) => b.busy - a.busy);
  const [idlest] = workers.filter(({ canTake }) => canTake).sort((a, b) => a.busy - b.busy);
  if (!busiest || !idlest || busiest.busy < limits.busyMin) return null;
  return busiest.busy - idlest.busy < limits.gapMin ? null : { busiest, idlest };
}

/** The heaviest shards that together make the two more equal, never the idlest the busiest. */
function lighten(
  { busiest, idlest }: Pair,
  movedAtMs: ReadonlyMap<number, number>,
  most: number,
  limits: BalanceLimits,
): readonly number[] {
  let room = (busiest.busy - idlest.busy) / 2;
  const shards: number[] = [];
  for (const shard of idlestFirst(busiest.shards).reverse()) {
    const load = busiest.shards.get(shard) ?? 0;
    if (shards.length >= most || load < limits.loadMin) break;
    if (load > room || movedAtMs.has(shard)) continue;
    room -= load;
    shards.push(shard);
  }
  return shards;
}

function idlestFirst(shards: ReadonlyMap<number, number>): number[] {
  return [...shards].sort(([a, x], [b, y]) => x - y || a - b).map(([shard]) => shard);
}
