// What actors need of engines and targets, which main has: what an engine offers, a command that is run, and whom to
// tell that a target is waited for. Everything is looked up and checked there, for the tenant that asks, at each call.

import type { EngineType } from "../records/engine-type.ts";

/** An engine as those see it who use it. */
export interface OfferedEngine {
  readonly type: EngineType;
  readonly name: string;
  readonly description: string;
  /** Of `direct_ops`. */
  readonly commands: readonly OfferedCommand[];
}

/** A command that a model may call. */
export interface OfferedCommand {
  readonly name: string;
  readonly description: string;
  /** JSON Schema. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly repeat: "safe" | "never";
  /** How long it may take, ms. */
  readonly timeoutMs: number;
}

/** A declared command that is run. */
export interface OperateCall {
  readonly tenant: string;
  readonly engine: string;
  /** Null: that of the engine. */
  readonly target: string | null;
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** A text of commands for a shell. */
export interface ShellCall {
  readonly tenant: string;
  readonly target: string;
  readonly text: string;
  readonly timeoutMs: number;
}

/** How a command has ended. */
export interface CommandEnd {
  /** Whether its exit code is one that says that it went well. */
  readonly ok: boolean;
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Text, or what is in it as JSON where it was declared so. */
  readonly output: unknown;
  readonly errors: string;
  /** Why it was ended before its time, or what is wrong with what it wrote; null: nothing. */
  readonly fault: "timeout" | "output" | "json" | null;
  readonly ms: number;
}

/** A target that is waited for. */
export interface AwaitedTarget {
  readonly tenant: string;
  readonly target: string;
  /** Under which root its waits are: see target-wait.ts. */
  readonly root: string;
}

/** Engines and targets. @throws NOT_FOUND for what is not there or not granted, FORBIDDEN for what is switched off. */
export interface Engines {
  offered(of: { readonly tenant: string; readonly engine: string }): Promise<OfferedEngine>;
  /**
   * @throws TARGET_LOST with `details.target` and `details.began`: whether the command may have run; INVALID with the
   * pointer of an argument; POOL_FULL, PROVIDER_FAILED, CANCELLED.
   */
  operate(call: OperateCall, signal?: AbortSignal): Promise<CommandEnd>;
  /** @throws as `operate`; FORBIDDEN for a target on which no shell may be run. */
  shell(call: ShellCall, signal?: AbortSignal): Promise<CommandEnd>;
  /** The target is looked at until it is back, and whoever waits is told. */
  awaited(of: AwaitedTarget): Promise<void>;
}
