// Claude Code as a command: `claude -p` with one JSON message a line in both directions ("stream-json"). Its input
// stays open: more can be said while it works, and it can be interrupted, after which it says what it has cost.

import { randomUUID } from "node:crypto";
import type { WorkUsage } from "../../actors/engines/works.ts";
import {
  type Conversation,
  type Dialect,
  isSession,
  option,
  type Said,
  type TurnEnd,
} from "./dialect.ts";
import { countOf, type Json, listOf, objectOf, stringOf } from "./json-lines.ts";

/** Calls whose names are remembered until their results come. */
const OPEN_CALLS_MAX = 1_000;
const NAME_CHARS = 200;
const FAULT_CHARS = 1_000;

/** The dialect. */
export const claudeDialect: Dialect = {
  command: "claude",
  isOpen: true,
  argv: (options) => [
    ...[options.command, ...options.args, "-p"],
    ...["--input-format", "stream-json", "--output-format", "stream-json"],
    ...["--verbose", "--include-partial-messages"],
    ...option("--model", options.model),
    ...option("--max-turns", options.maxTurns),
    ...option("--max-budget-usd", options.maxCostUsd),
    ...option("--permission-mode", options.permissionMode),
    ...option("--allowedTools", options.allowedTools?.join(",")),
    ...option("--disallowedTools", options.disallowedTools?.join(",")),
    // What a tenant's agent is told is never an option, whoever reads it.
    ...option("--append-system-prompt", options.instruction?.replace(/^-/, "\n-")),
    ...option("--resume", options.session),
  ],
  task: (text) => userLine(text),
  more: userLine,
  interrupt: () =>
    `${JSON.stringify({
      ...{ type: "control_request", request_id: randomUUID() },
      request: { subtype: "interrupt" },
    })}\n`,
  converse: () => new ClaudeConversation(),
};

function userLine(text: string): string {
  const message = { role: "user", content: [{ type: "text", text }] };
  const line = { type: "user", message, parent_tool_use_id: null, session_id: "" };
  return `${JSON.stringify(line)}\n`;
}

class ClaudeConversation implements Conversation {
  /** Of the message that comes in pieces, and the last one that did. */
  #streamed = "";
  #hasText = false;
  #isNewBlock = false;
  readonly #calls = new Map<string, string>();
  #before: WorkUsage = { promptTokens: 0, completionTokens: 0 };
  #current: { readonly id: string; readonly usage: WorkUsage } | null = null;

  read(line: Json): readonly Said[] {
    switch (line["type"]) {
      case "system":
        return sessionIn(line);
      case "stream_event":
        return isAside(line) ? [] : this.#event(objectOf(line["event"]));
      case "assistant":
        return this.#message(objectOf(line["message"]), isAside(line));
      case "user":
        return this.#results(objectOf(line["message"]));
      case "result":
        return [...sessionIn(line), ...this.#usageOf(line), endOf(line)];
      case "control_request":
        return [{ type: "reply", line: refusal(line) }];
      default:
        return [];
    }
  }

  #event(event: Json): readonly Said[] {
    if (event["type"] === "message_start") {
      this.#streamed = stringOf(objectOf(event["message"])["id"]);
      return [];
    }
    if (event["type"] === "content_block_start") {
      this.#isNewBlock = true;
      return [];
    }
    const delta = objectOf(event["delta"]);
    if (event["type"] !== "content_block_delta" || delta["type"] !== "text_delta") return [];
    return this.#text(stringOf(delta["text"]));
  }

  /** Blocks of text stand apart: calls came between them. */
  #text(text: string): readonly Said[] {
    if (text === "") return [];
    const before = this.#isNewBlock && this.#hasText ? "\n\n" : "";
    this.#isNewBlock = false;
    this.#hasText = true;
    return [{ type: "text", text: before + text }];
  }

  #message(message: Json, aside: boolean): readonly Said[] {
    const id = stringOf(message["id"]);
    const said: Said[] = [];
    for (const block of listOf(message["content"])) {
      if (block["type"] === "text" && !aside && (id === "" || id !== this.#streamed)) {
        this.#isNewBlock = true;
        said.push(...this.#text(stringOf(block["text"])));
      }
      if (block["type"] === "tool_use") said.push(this.#call(block));
    }
    const usage = usageOf(objectOf(message["usage"]), message["model"]);
    if (usage === null) return said;
    if (this.#current !== null && this.#current.id !== id) {
      this.#before = plus(this.#before, this.#current.usage);
    }
    this.#current = { id, usage };
    return [...said, { type: "usage", usage: plus(this.#before, usage) }];
  }

  #call(block: Json): Said {
    const id = stringOf(block["id"]);
    const name = stringOf(block["name"]).slice(0, NAME_CHARS);
    if (this.#calls.size < OPEN_CALLS_MAX) this.#calls.set(id, name);
    return { type: "tool_call", id, name, arguments: block["input"] ?? {} };
  }

  #results(message: Json): readonly Said[] {
    return listOf(message["content"])
      .filter(({ type }) => type === "tool_result")
      .map((block): Said => {
        const id = stringOf(block["tool_use_id"]);
        const name = this.#calls.get(id) ?? "";
        this.#calls.delete(id);
        const content = contentOf(block["content"]);
        const result = block["is_error"] === true ? { error: content } : content;
        return { type: "tool_result", id, name, result };
      });
  }

  /** What the result says is all of the process, whatever was added up before. */
  #usageOf(line: Json): readonly Said[] {
    const models = Object.entries(objectOf(line["modelUsage"])).map(([model, one]) =>
      modelUsage(model, objectOf(one)),
    );
    const said = usageOf(objectOf(line["usage"]), this.#current?.usage.model);
    const usage = models.length > 0 ? models.reduce(plus) : said;
    const cost = line["total_cost_usd"];
    const isCost = typeof cost === "number" && Number.isFinite(cost) && cost >= 0;
    if (usage === null && !isCost) return [];
    const known = usage ?? plus(this.#before, this.#current?.usage ?? this.#before);
    return [{ type: "usage", usage: known, ...(isCost && { costUsd: cost }) }];
  }
}

function sessionIn(line: Json): readonly Said[] {
  const id = stringOf(line["session_id"]);
  return isSession(id) ? [{ type: "session", id }] : [];
}

/** Said by an agent that the agent has called: its calls are told, its words are not the answer. */
function isAside(line: Json): boolean {
  return typeof line["parent_tool_use_id"] === "string";
}

function endOf(line: Json): TurnEnd {
  const answer = stringOf(line["result"]);
  const subtype = stringOf(line["subtype"]);
  if (subtype === "success" && line["is_error"] !== true) return { type: "end", answer };
  if (subtype === "error_max_turns") {
    return { type: "end", answer, fault: { why: "it has had its turns", limit: "max_turns" } };
  }
  if (subtype === "error_max_budget_usd") {
    return { type: "end", answer, fault: { why: "it has cost its most", limit: "max_cost" } };
  }
  const errors = Array.isArray(line["errors"]) ? line["errors"].map(String).join(" ") : "";
  const why = [errors, answer, subtype].find((text) => text !== "") ?? "it does not say why";
  return { type: "end", answer: "", fault: { why: why.slice(0, FAULT_CHARS) } };
}

/** Nobody is there who could be asked: whatever is not allowed beforehand is denied. */
function refusal(line: Json): Json {
  const request = objectOf(line["request"]);
  const of = { request_id: stringOf(line["request_id"]) };
  const response =
    request["subtype"] === "can_use_tool"
      ? {
          ...{ subtype: "success", ...of },
          response: { behavior: "deny", message: "It is not allowed, and nobody can be asked." },
        }
      : { subtype: "error", ...of, error: "This is not known here." };
  return { type: "control_response", response };
}

function contentOf(content: unknown): unknown {
  if (!Array.isArray(content)) return content ?? "";
  const texts = listOf(content).map((part) =>
    part["type"] === "text" ? stringOf(part["text"]) : `(${stringOf(part["type"])})`,
  );
  return texts.join("\n");
}

/** As the provider counts: what it had read before, and what it keeps, is no part of its `input_tokens`. */
function usageOf(usage: Json, model: unknown): WorkUsage | null {
  const [input, output] = [countOf(usage["input_tokens"]), countOf(usage["output_tokens"])];
  const cached = countOf(usage["cache_read_input_tokens"]);
  const written = countOf(usage["cache_creation_input_tokens"]);
  if (input + output + cached + written === 0) return null;
  return usageWith({ input, output, cached, written, model: stringOf(model) });
}

function modelUsage(model: string, usage: Json): WorkUsage {
  return usageWith({
    input: countOf(usage["inputTokens"]),
    output: countOf(usage["outputTokens"]),
    cached: countOf(usage["cacheReadInputTokens"]),
    written: countOf(usage["cacheCreationInputTokens"]),
    model,
  });
}

function usageWith(of: {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly written: number;
  readonly model: string;
}): WorkUsage {
  const { input, output, cached, written, model } = of;
  return {
    promptTokens: input + cached + written,
    completionTokens: output,
    ...(cached > 0 && { cachedTokens: cached }),
    ...(written > 0 && { cacheWriteTokens: written }),
    ...(model !== "" && { model: model.slice(0, NAME_CHARS) }),
  };
}

/** Named where one model took all of it. */
function plus(left: WorkUsage, right: WorkUsage): WorkUsage {
  const isEmpty = left.promptTokens + left.completionTokens === 0;
  const model = isEmpty || left.model === right.model ? right.model : undefined;
  const cached = (left.cachedTokens ?? 0) + (right.cachedTokens ?? 0);
  const written = (left.cacheWriteTokens ?? 0) + (right.cacheWriteTokens ?? 0);
  return {
    promptTokens: left.promptTokens + right.promptTokens,
    completionTokens: left.completionTokens + right.completionTokens,
    ...(cached > 0 && { cachedTokens: cached }),
    ...(written > 0 && { cacheWriteTokens: written }),
    ...(model !== undefined && { model }),
  };
}
