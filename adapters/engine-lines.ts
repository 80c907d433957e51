// What main and its engines talk about over their lines: calls of models that are shared, what calls of
// embedders and re-rankers cost, what is sent over channels, what triggers begin, scripts of the operator, tool servers
// that are processes, and commands of engines.

import type { Channels } from "../actors/channels/port.ts";
import type { Engines } from "../actors/engines/port.ts";
import type { EngineWorks } from "../actors/engines/works.ts";
import type { McpServers } from "../actors/mcp/port.ts";
import type { ProviderPurse } from "../actors/money/provider-call.ts";
import type { Scripts } from "../actors/tools/script-run.ts";
import type { Launches, Schedules } from "../actors/triggers/port.ts";
import type { Log } from "../runtime/log.ts";
import { settleable } from "../runtime/shared/settleable.ts";
import type { ConnectEngine } from "../runtime/threads/host.ts";
import { type Config, childEnvironment } from "./config.ts";
import { channels, channelsOf } from "./engine-channels.ts";
import { serveFarPort } from "./far-port.ts";
import {
  farChannels,
  farEngines,
  farLaunches,
  farMcp,
  farSchedules,
  farScripts,
  farWorks,
} from "./far-ports.ts";
import type { AnswerHub } from "./llm/answer-hub.ts";
import type { EndedBatch } from "./telemetry/ended-runs.ts";
import type { ExportFigures } from "./telemetry/otlp/exporter.ts";

/** What is told of runs before anybody listens: the first one has it. */
const EARLY_MAX = 100;

/** Who exports runs that have ended, or writes their logs. */
interface Exporter {
  take(batch: EndedBatch): void;
  figures?(): ExportFigures;
}

/** Main's ends of the lines. */
export interface EngineLines {
  readonly connect: ConnectEngine;
  /** Undefined: calls of models are not shared. */
  readonly hub: AnswerHub | undefined;
  /** From now on engines' calls are paid there; those that came before have waited. */
  payAt(purse: ProviderPurse): void;
  /** From now on what engines send over channels goes there; that which came before has waited. */
  sendBy(channels: () => Promise<Channels>): void;
  /** From now on what triggers begin is begun there; that which came before has waited. */
  launchBy(launches: Launches): void;
  /** From now on what agents schedule is kept there; that which came before has waited. */
  scheduleBy(schedules: () => Promise<Schedules>): void;
  /** From now on told of root runs that have ended, where the settings have engines tell of them. */
  endedTo(exporter: Exporter): void;
  /** What was exported of them; undefined: nothing is. */
  exported(): ExportFigures | undefined;
  /** From now on scripts of the operator are found there; who asked before has waited. */
  findScriptsBy(scripts: Scripts): void;
  /** From now on engines work there; who asked before has waited. */
  workBy(works: () => Promise<EngineWorks & { end(): Promise<void> }>): void;
  /** From now on commands of engines are run there; that which came before has waited. */
  operateBy(engines: () => Promise<Engines>): void;
  /** Ends the processes of tool servers, and the work of engines. */
  end(): Promise<void>;
}

/** Whether any embedder or re-ranker is a provider's. */
export function hasPaidCalls({ embedders, rerankers }: PaidConfig): boolean {
  return [...embedders, ...rerankers].some(({ kind }) => kind !== "local");
}

type PaidConfig = Pick<Config, "embedders" | "rerankers">;

/** Makes them. @param closed why nobody outside is acted on; undefined: they are. */
export async function engineLines(
  config: PaidConfig & Pick<Config, "answers" | "mcpServers">,
  log: Log,
  closed: string | undefined,
): Promise<EngineLines> {
  const { answers } = config;
  const hub =
    answers.coalesce === "off" && answers.cacheMs === 0
      ? undefined
      : (await import("./llm/answer-hub.ts")).createAnswerHub(answers);
  const paid = settleable<ProviderPurse>();
  const sent = settleable<() => Promise<Channels>>();
  const begun = settleable<Launches>();
  const kept = settleable<() => Promise<Schedules>>();
  const exporters: Exporter[] = [];
  const early: EndedBatch[] = [];
  const told = (batch: EndedBatch): void => {
    for (const one of exporters) one.take(batch);
    if (exporters.length === 0 && early.length < EARLY_MAX) early.push(batch);
  };
  const found = settleable<Scripts>();
  const worked = settleable<ReturnType<typeof once<WorksAtWork>>>();
  const operated = settleable<() => Promise<Engines>>();
  const processes = toolServers(config, log, closed);
  const served = hasPaidCalls(config) ? await import("./money/purse-line.ts") : undefined;
  let works: ReturnType<typeof once<WorksAtWork>> | undefined;
  const connect: ConnectEngine = (line) => {
    const named = channelsOf(line);
    named(channels.ended).receive((batch) => told(batch as EndedBatch));
    const ends = [
      hub?.connect(named(channels.answers)),
      served?.servePurse(named(channels.purse), () => paid.promise),
      serveFarPort(named(channels.gateway), farChannels, async () => (await sent.promise)()),
      serveFarPort(named(channels.launches), farLaunches, () => begun.promise),
      serveFarPort(named(channels.schedules), farSchedules, async () => (await kept.promise)()),
      serveFarPort(named(channels.scripts), farScripts, () => found.promise),
      serveFarPort(named(channels.mcp), farMcp, processes.port),
      serveFarPort(named(channels.works), farWorks, async () => await (await worked.promise).get()),
      serveFarPort(named(channels.engines), farEngines, async () => (await operated.promise)()),
    ];
    return () => {
      for (const end of ends) end?.();
    };
  };
  return {
    connect,
    hub,
    payAt: (purse) => paid.resolve(purse),
    sendBy: (port) => sent.resolve(port),
    launchBy: (port) => begun.resolve(port),
    scheduleBy: (port) => kept.resolve(port),
    endedTo: (to) => {
      exporters.push(to);
      for (const batch of early.splice(0)) to.take(batch);
    },
    exported: () => exporters.find((one) => one.figures !== undefined)?.figures?.(),
    findScriptsBy: (port) => found.resolve(port),
    workBy: (make) => {
      works = once(make);
      worked.resolve(works);
    },
    operateBy: (port) => operated.resolve(port),
    end: async () => {
      await Promise.all([processes.end(), works?.made()?.then((one) => one.end())]);
    },
  };
}

type WorksAtWork = EngineWorks & { end(): Promise<void> };

/** Made when it is first asked for. */
function once<T>(make: () => Promise<T>) {
  let made: Promise<T> | undefined;
  const get = (): Promise<T> => {
    made ??= make();
    return made;
  };
  return { get, made: () => made };
}

/** Loaded when the first one is asked. */
function toolServers(
  { mcpServers: servers }: Pick<Config, "mcpServers">,
  log: Log,
  closed: string | undefined,
) {
  type Made = McpServers & { end(): Promise<void> };
  let made: Promise<Made> | undefined;
  const make = async (): Promise<Made> => {
    const { createProcessServers } = await import("./mcp-client/process-servers.ts");
    return createProcessServers({ servers, environment: childEnvironment, log, closed });
  };
  return {
    port: (): Promise<McpServers> => {
      made ??= make();
      return made;
    },
    end: async (): Promise<void> => await (await made)?.end(),
  };
}
