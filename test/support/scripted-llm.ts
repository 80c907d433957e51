// A model whose answers a test decides: implements the Llm port, remembers every request, and can be
// held at a gate so that a test says when an answer goes on. Providers have tests of their own.

import type { Llm, LlmRequest, LlmResult } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** What a script may do while it answers. */
export interface Scripted {
  readonly request: LlmRequest;
  readonly signal: AbortSignal;
  /** Number of this call, 1-based. */
  readonly call: number;
  /** Streams a piece. */
  write(piece: string): void;
}

/** Tools that a script has the model call, by name, after what it says. */
export interface ScriptedCalls {
  readonly text?: string;
  readonly calls: readonly { readonly name: string; readonly arguments: unknown }[];
  /** Why it stopped. Default: as the calls say. */
  readonly finish?: LlmResult["finishReason"];
}

type Said = string | ScriptedCalls;

/** Gives the whole text (what was not written yet is streamed), or throws. */
export type Script = (scripted: Scripted) => Said | Promise<Said>;

/** A gate that a script waits at and a test opens. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
  /** Resolves when a script has come to the gate. */
  readonly reached: Promise<void>;
  wait(signal: AbortSignal): Promise<void>;
}

/** The model and what it was asked. */
export interface ScriptedLlm extends Llm {
  readonly requests: LlmRequest[];
  script: Script;
}

/** @param windowTokens context window of every model, default 128,000. */
export function createScriptedLlm(script: Script, windowTokens = 128_000): ScriptedLlm {
  const requests: LlmRequest[] = [];
  const llm: ScriptedLlm = {
    requests,
    script,
    windowOf: () => windowTokens,
    isBuiltin: (model) => model === "builtin",
    takesImages: (model) => model !== "builtin" && !model.startsWith("blind-"),
    async complete(request, { signal, onEvent }): Promise<LlmResult> {
      requests.push(request);
      let written = "";
      const write = (piece: string): void => {
        if (signal.aborted) return;
        written += piece;
        onEvent?.({ type: "text", text: piece });
      };
      const call = requests.length;
      const said = await llm.script({ request, signal, call, write });
      const whole: ScriptedCalls = typeof said === "string" ? { text: said, calls: [] } : said;
      const { text = "", calls, finish } = whole;
      if (signal.aborted) throw signal.reason;
      if (text.length > written.length) write(text.slice(written.length));
      return {
        text,
        toolCalls: calls.map(({ name, arguments: given }, at) => ({
          id: `call_${call}_${at}`,
          name,
          arguments: typeof given === "string" ? given : JSON.stringify(given),
        })),
        finishReason: finish ?? (calls.length > 0 ? "tool_calls" : "stop"),
        usage: { promptTokens: 10, completionTokens: 5 },
        provider: "scripted",
        model: request.model === "" ? "operator-default" : request.model,
      };
    },
  };
  return llm;
}

/** A closed gate. */
export function createGate(): Gate {
  const opening = withResolvers();
  const reaching = withResolvers();
  return {
    opened: opening.promise,
    open: () => opening.resolve(),
    reached: reaching.promise,
    wait(signal) {
      reaching.resolve();
      return new Promise((resolve, reject) => {
        const cut = (): void => reject(signal.reason ?? new RuntimeError("CANCELLED", "Cut."));
        if (signal.aborted) cut();
        signal.addEventListener("abort", cut, { once: true });
        opening.promise.then(resolve, reject);
      });
    },
  };
}

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
