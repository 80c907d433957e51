// The metrics of the server: each with its name, type, help and labels, and where its samples come
// from. Labels are bounded: workers, kinds of the program, storage environments, one list of counters.

import type { KernelFigures, KindFigures } from "../../runtime/kernel/kernel-port.ts";
import type { HistogramData } from "../../runtime/shared/metrics.ts";
import type { StorageFigures } from "../../runtime/store/storage-meter.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import type { WorkerFigures } from "../../runtime/threads/engines.ts";
import type { LaneFigures } from "../http/gate/lane.ts";
import { type Family, family, type Sample } from "./family.ts";
import { genAiFamilies } from "./gen-ai-families.ts";
import { providerFamilies } from "./provider-families.ts";
import { workFamilies } from "./work-families.ts";

/** Engine counters that are counted by name, with what they say. */
const engineCounters: readonly (readonly [counter: string, name: string, help: string])[] = [
  ["sends", "sends", "Durable messages posted by actors and runs."],
  [
    "tellsDropped",
    "tells_dropped",
    "Messages in memory dropped because their receiver was full or away.",
  ],
  ["steps", "steps", "Steps of runs that were performed."],
  ["stepRetries", "step_retries", "Repetitions of a step after an error that may pass."],
  ["stepTimeouts", "step_timeouts", "Steps cut at their deadline."],
  ["runsStarted", "runs_started", "Root runs started."],
  ["runsEnded", "runs_ended", "Root runs ended."],
  [
    "runsResumed",
    "runs_resumed",
    "Root runs taken up again after a start, a move or a refused commit.",
  ],
  ["runActivations", "run_activations", "Root runs read into memory."],
  ["runHibernations", "run_hibernations", "Root runs that only waited and were let go."],
  ["recordsTrimmed", "records_trimmed", "Records of ended runs trimmed after their retention."],
  ["seenForgotten", "seen_keys_forgotten", "Idempotency keys forgotten after their time."],
  ["controls", "controls", "Cancels, decisions and steering taken by runs."],
  [
    "deadLettersDropped",
    "dead_letters_dropped",
    "Oldest dead letters dropped because a tenant had its limit.",
  ],
  ["deadLettersReplayed", "dead_letters_replayed", "Dead letters put back by an operator."],
  ["deadLettersDiscarded", "dead_letters_discarded", "Dead letters removed by an operator."],
  [
    "quarantined",
    "quarantines",
    "Actors stopped because their state could not be read or they failed for good.",
  ],
  ["quarantineReleased", "quarantine_releases", "Quarantined actors released by an operator."],
  ["rowsUnreadable", "rows_unreadable", "Stored rows that could not be read."],
  ["commits", "commits", "Commit batches sent to the storage thread."],
  ["rows", "commit_rows", "Rows of commit batches."],
  ["bytes", "commit_bytes", "Bytes of commit batches, about."],
  ["refusedBatches", "commit_refusals", "Commit batches refused and repaired."],
];

/** Every metric of the server beside those of the process. */
export const families: readonly Family[] = [
  family("gauge", "troupe_connections", "Open requests and WebSockets.", [], ({ connections }) => [
    [[], connections],
  ]),
  gate("troupe_gate_under_way", "Chats, or other requests, that someone waits for.", "underWay"),
  gate("troupe_gate_waiting", "Those that wait until they may begin.", "waiting"),
  gate("troupe_gate_limit", "So many may be under way when there are several tenants.", "limit"),
  family(
    "counter",
    "troupe_searches_degraded_total",
    "Searches made by words alone because their embedder gave no vector.",
    ["in"],
    ({ missed }) => Object.entries(missed).map(([where, count]): Sample => [[where], count]),
  ),
  family(
    "counter",
    "troupe_guard_findings_total",
    "What guardrails have found, and what was done about it.",
    ["check", "action"],
    ({ guards }) => guards.map(({ check, action, count }): Sample => [[check, action], count]),
  ),
  family(
    "gauge",
    "troupe_targets",
    "Targets by how they were when they were last looked at.",
    ["status"],
    ({ targets }) =>
      targets === null
        ? []
        : (["ok", "lost", "failed"] as const).map((one): Sample => [[one], targets[one]]),
  ),
  family(
    "gauge",
    "troupe_targets_awaited",
    "Targets that runs wait for, of each tenant.",
    [],
    ({ targets }) => (targets === null ? [] : [[[], targets.awaited]]),
  ),
  family(
    "counter",
    "troupe_otlp_spans_total",
    "Spans for the collector of traces: sent, refused by it, dropped because it was away or too slow.",
    ["outcome"],
    ({ exported }) => Object.entries(exported).map(([how, count]): Sample => [[how], count]),
  ),
  ...genAiFamilies(),
  ...providerFamilies(),
  ...workFamilies(),
  ...doorFamilies(),
  ...workerFamilies(),
  ...kindFamilies(),
  ...engineCounters.map(([counter, name, help]) =>
    perEngine("counter", `troupe_${name}_total`, help, ({ counters }) => counters[counter] ?? 0),
  ),
  perEngine(
    "histogram",
    "troupe_commit_batch_rows",
    "Rows of one commit batch.",
    (one) => one.batchRows,
  ),
  perEngine(
    "histogram",
    "troupe_commit_seconds",
    "From sending a batch to its commit.",
    (one) => one.commitMs,
  ),
  perEngine(
    "histogram",
    "troupe_flush_seconds",
    "From sending a batch to its flush.",
    (one) => one.flushMs,
  ),
  ...storageFamilies(),
  ...processFamilies(),
];

function gate(name: string, help: string, of: keyof LaneFigures): Family {
  return family("gauge", name, help, ["lane"], ({ gate: { chats, requests } }) => [
    [["chats"], chats[of]],
    [["requests"], requests[of]],
  ]);
}

function doorFamilies(): readonly Family[] {
  const door = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    of: keyof SystemFigures["door"],
  ): Family => family(type, name, help, [], ({ system }) => [[[], system.door[of]]]);
  return [
    door(
      "gauge",
      "troupe_door_waiting_requests",
      "Requests and subscriptions at the door.",
      "waiting",
    ),
    door("counter", "troupe_door_requests_total", "Requests and subscriptions taken.", "requests"),
    door("counter", "troupe_door_refusals_total", "Refused because the door was full.", "refused"),
    door("counter", "troupe_door_resends_total", "Sent again after a worker had died.", "resent"),
    door("counter", "troupe_door_losses_total", "Answered WORKER_LOST.", "lost"),
    door("counter", "troupe_door_timeouts_total", "Answered DEADLINE by the door.", "late"),
  ];
}

function workerFamilies(): readonly Family[] {
  const perWorker = (name: string, help: string, of: (one: WorkerFigures) => number): Family =>
    family("gauge", name, help, ["worker"], ({ system }) =>
      system.workers.map((one) => [[String(one.worker)], of(one)]),
    );
  return [
    perWorker(
      "troupe_worker_up",
      "1 when the worker has said something of itself within 5 s.",
      (one) => (one.isSilent ? 0 : 1),
    ),
    perWorker("troupe_shards", "Shards the worker owns.", (one) => one.shards),
    perWorker(
      "troupe_door_backlog_items",
      "Items at the door waiting for the worker.",
      (one) => one.backlog,
    ),
    perEngine(
      "gauge",
      "troupe_quarantined_actors",
      "Actors that are quarantined.",
      (one) => one.quarantined,
    ),
    family("gauge", "troupe_runs", "Root runs in memory.", ["worker", "kind"], ({ system }) =>
      enginesOf(system).flatMap((one) =>
        Object.entries(one.runKinds).map(
          ([kind, runs]): Sample => [[String(one.worker), kind], runs],
        ),
      ),
    ),
    family(
      "summary",
      "troupe_event_loop_lag_seconds",
      "How late an event loop comes to what is due; quantiles of the last 10 s.",
      ["thread"],
      ({ system }) => [
        [["main"], system.lag],
        ...system.workers.flatMap(({ worker, lag }): Sample[] =>
          lag === null ? [] : [[[String(worker)], lag]],
        ),
      ],
    ),
  ];
}

function kindFamilies(): readonly Family[] {
  const perKind = (
    type: Family["type"],
    name: string,
    help: string,
    of: (one: KindFigures) => number | HistogramData,
  ): Family =>
    family(type, name, help, ["worker", "kind"], ({ system }) =>
      enginesOf(system).flatMap(({ worker, kinds }) =>
        Object.entries(kinds).map(([kind, one]): Sample => [[String(worker), kind], of(one)]),
      ),
    );
  const counter = (of: keyof KindFigures["counters"], name: string, help: string): Family =>
    perKind("counter", `troupe_${name}_total`, help, ({ counters }) => counters[of]);
  return [
    perKind("gauge", "troupe_actors", "Actors in memory.", (one) => one.cells),
    perKind(
      "gauge",
      "troupe_mailbox_messages",
      "Messages waiting for a turn.",
      (one) => one.waiting,
    ),
    perKind(
      "gauge",
      "troupe_mailbox_deepest_messages",
      "Most messages waiting for one actor.",
      (one) => one.deepest,
    ),
    perKind(
      "histogram",
      "troupe_mailbox_depth_messages",
      "Messages in a mailbox when one is taken.",
      (one) => one.mailboxDepth,
    ),
    perKind("histogram", "troupe_turn_seconds", "Time of a turn's handler.", (one) => one.turnMs),
    perKind(
      "histogram",
      "troupe_queue_wait_seconds",
      "From a message's arrival to its turn.",
      (one) => one.queueWaitMs,
    ),
    counter("turns", "turns", "Turns handled."),
    counter("turnFailures", "turn_failures", "Turns that threw."),
    counter("deadLetters", "dead_letters", "Messages set aside for good."),
    counter("activations", "activations", "Actors read into memory."),
    counter("hibernations", "hibernations", "Idle actors let go."),
    counter("restarts", "restarts", "Actors whose memory was thrown away after a failed turn."),
  ];
}

function storageFamilies(): readonly Family[] {
  const storage = (
    type: Family["type"],
    name: string,
    help: string,
    of: (one: StorageFigures) => number | HistogramData,
  ): Family =>
    family(type, `troupe_storage_${name}`, help, ["environment"], ({ system }) =>
      Object.entries(system.storage).map(([name, one]): Sample => [[name], of(one)]),
    );
  return [
    storage(
      "gauge",
      "queued_batches",
      "Batches waiting for their transaction.",
      (one) => one.queuedBatches,
    ),
    storage(
      "gauge",
      "queued_bytes",
      "Bytes waiting for their transaction.",
      (one) => one.queuedBytes,
    ),
    storage("counter", "transactions_total", "Transactions committed.", (one) => one.transactions),
    storage("counter", "rows_total", "Rows written.", (one) => one.rows),
    storage("counter", "refusals_total", "Batches refused.", (one) => one.refusals),
    storage(
      "histogram",
      "group_batches",
      "Batches that share one transaction.",
      (one) => one.groupBatches,
    ),
    storage("histogram", "commit_seconds", "Time of a transaction.", (one) => one.commitMs),
    storage("histogram", "flush_seconds", "Time of a flush to disk.", (one) => one.flushMs),
  ];
}

function processFamilies(): readonly Family[] {
  const figure = (
    type: "gauge" | "counter",
    name: string,
    help: string,
    of: (system: SystemFigures) => number,
  ): Family => family(type, name, help, [], ({ system }) => [[[], of(system)]]);
  return [
    figure(
      "counter",
      "troupe_worker_deaths_total",
      "Worker threads that died.",
      (one) => one.deaths,
    ),
    figure(
      "counter",
      "troupe_shard_moves_total",
      "Shards moved between living workers.",
      (one) => one.moves,
    ),
    figure("gauge", "troupe_boots", "Starts of this data folder.", (one) => one.boots),
    figure(
      "gauge",
      "troupe_compute_threads",
      "Threads of the compute pool.",
      (one) => one.compute.threads,
    ),
    figure(
      "gauge",
      "troupe_compute_waiting_tasks",
      "Tasks waiting for one.",
      (one) => one.compute.waiting,
    ),
    figure("counter", "troupe_compute_tasks_total", "Tasks done.", (one) => one.compute.done),
  ];
}

function perEngine(
  type: Family["type"],
  name: string,
  help: string,
  of: (one: KernelFigures) => number | HistogramData,
): Family {
  return family(type, name, help, ["worker"], ({ system }) =>
    enginesOf(system).map((one) => [[String(one.worker)], of(one)]),
  );
}

/** Engines that answered; one that does not is left out of this scrape. */
function enginesOf({ workers }: SystemFigures): readonly KernelFigures[] {
  return workers.flatMap(({ figures }) => figures ?? []);
}
