// The port of engines on main: what an engine offers, and its commands on its target. Records are read at each call,
// so that what is taken back, switched off or changed holds from the next one on.

import { posix } from "node:path";
import { checkValue, loadSchemas } from "../../actors/answer/output-schema.ts";
import {
  type DeclaredCommand,
  type DirectOpsConfig,
  type Element,
  parametersOf,
  planned,
} from "../../actors/engines/direct-ops.ts";
import type { CommandEnd, Engines, OfferedEngine, OperateCall } from "../../actors/engines/port.ts";
import {
  type LocalConfig,
  type SshConfig,
  workLimits,
} from "../../actors/engines/target-config.ts";
import type { EngineInput } from "../../actors/records/engine.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import { type Found, findEngine, findPlace, findTarget } from "./found.ts";
import { folderBelow, pathBelow, workFolder } from "./local.ts";
import type { Machines } from "./machines.ts";
import { type BoundedCommand, runCommand } from "./run-command.ts";

/** What it works with. */
export interface EngineHostOptions {
  readonly tables: Pick<Tables, "get">;
  readonly machines: Machines;
  /** Why nothing is done anywhere; default: it is. */
  readonly closed?: string | undefined;
}

const never = new AbortController().signal;

/** The port, but for waits. */
export function createEngineCalls(options: EngineHostOptions): Omit<Engines, "awaited"> {
  const { tables } = options;
  return {
    offered: async ({ tenant, engine }) =>
      offeredOf((await findEngine(tables, { tenant, id: engine })).record),
    operate: async (call, signal = never) => {
      const { tenant, engine: id } = call;
      const place = { tenant, engine: id, target: call.target ?? undefined };
      const { engine, target } = await findPlace(tables, place);
      const command = commandOf(engine.record, call.command);
      await checkArguments(command, call.arguments);
      const { secrets = {} } = engine.record;
      const bounded = await boundedOf(target.record, command, call);
      const env = { ...secrets, ...command.variables };
      return await onMachine(options, target, { ...bounded, env }, signal);
    },
    shell: async ({ tenant, target: id, text, timeoutMs }, signal = never) => {
      const target = await findTarget(tables, { tenant, id });
      const { shell, config } = target.record;
      if (shell !== true) {
        throw new RuntimeError("FORBIDDEN", `Target ${target.record.name} runs no shell.`);
      }
      const { timeout_ms = workLimits.timeoutMs } = config as Bounds;
      const bounded: BoundedCommand = {
        ...{ argv: ["/bin/sh", "-c", text], stdin: "", exitCodes: [0], isJson: false },
        timeoutMs: Math.min(timeoutMs, timeout_ms),
        outputBytes: outputOf(target.record),
      };
      return await onMachine(options, target, bounded, signal);
    },
  };
}

interface Bounds {
  readonly timeout_ms?: number;
  readonly output_bytes?: number;
}

const outputOf = ({ config = {} }: TargetInput): number =>
  (config as Bounds).output_bytes ?? workLimits.outputBytes;

function offeredOf({ type, name, description = "", config = {} }: EngineInput): OfferedEngine {
  const { commands = [] } = config as Partial<DirectOpsConfig>;
  const offered = type === "direct_ops" ? commands : [];
  return {
    ...{ type, name, description },
    commands: offered.map((one) => ({
      ...{ name: one.name, description: one.description, parameters: parametersOf(one) },
      ...{ repeat: one.repeat ?? "never", timeoutMs: one.timeout_ms ?? workLimits.timeoutMs },
    })),
  };
}

function commandOf({ type, name, config }: EngineInput, wanted: string): DeclaredCommand {
  const commands = type === "direct_ops" ? (config as unknown as DirectOpsConfig).commands : [];
  const found = commands.find((one) => one.name === wanted);
  if (found !== undefined) return found;
  const message = `Engine ${name} has no command ${wanted.slice(0, 64)} any more.`;
  throw new RuntimeError("NOT_FOUND", message);
}

/** Once more here, where the command is as it is now. */
async function checkArguments(
  command: DeclaredCommand,
  given: Readonly<Record<string, unknown>>,
): Promise<void> {
  await loadSchemas();
  const checked = checkValue(parametersOf(command), given);
  if (checked.ok) return;
  const { pointer, reason } = checked;
  throw new RuntimeError("INVALID", `The arguments do not fit. ${reason}`, { pointer });
}

async function boundedOf(
  target: TargetInput,
  command: DeclaredCommand,
  call: OperateCall,
): Promise<BoundedCommand> {
  const { argv, stdin } = planned(command, call.arguments);
  const { timeout_ms = workLimits.timeoutMs } = (target.config ?? {}) as Bounds;
  const outputBytes = outputOf(target);
  return {
    argv: await resolved(target, argv),
    ...(command.folder !== undefined && { cwd: command.folder }),
    stdin,
    timeoutMs: Math.min(command.timeout_ms ?? timeout_ms, timeout_ms),
    outputBytes: Math.min(command.output_bytes ?? outputBytes, outputBytes),
    exitCodes: command.exit_codes ?? [0],
    isJson: command.output === "json",
  };
}

/** Elements as they stand on the command line: paths whole, so that none begins as an option. */
async function resolved(
  target: TargetInput,
  elements: readonly Element[],
): Promise<readonly string[]> {
  const { type, name, config } = target;
  const isLocal = type === "local";
  const hasPath = elements.some((one) => typeof one !== "string");
  const folder =
    isLocal && hasPath
      ? await workFolder({ name, config: config as unknown as LocalConfig })
      : ((config as unknown as SshConfig).folder ?? ".");
  return await Promise.all(
    elements.map(async (element) => {
      if (typeof element === "string") return element;
      const { before, under, path } = element;
      if (isLocal) return before + (await pathBelow(await folderBelow(folder, under), path));
      const whole = posix.join(folder, under, path);
      return before + (whole.startsWith("/") ? whole : `./${whole}`);
    }),
  );
}

/** A loss of the target says which. */
async function onMachine(
  { machines, closed }: EngineHostOptions,
  target: Found<TargetInput>,
  command: BoundedCommand,
  signal: AbortSignal,
): Promise<CommandEnd> {
  if (closed !== undefined) {
    throw new RuntimeError("EGRESS_REFUSED", `Nothing is done on targets: ${closed}.`);
  }
  try {
    return await runCommand(machines.spawner(target), command, signal);
  } catch (error) {
    throw lostTarget(error, target.record.id);
  }
}

/** @returns the error, of a loss with the target. */
export function lostTarget(error: unknown, target: string): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "TARGET_LOST") return error;
  const details = { ...error.details, target };
  return new RuntimeError("TARGET_LOST", error.message, details, { cause: error });
}
