// Codex as a command: `codex exec --json`, which reads its task from its standard input and says one event a line.
// It has no word for more, and none for its cost: that follows from its tokens and the model's price.

import type { WorkUsage } from "../../actors/engines/works.ts";
import { type Conversation, type Dialect, isSession, option, type Said } from "./dialect.ts";
import { countOf, type Json, objectOf, stringOf } from "./json-lines.ts";

const FAULT_CHARS = 1_000;

/** The dialect. */
export const codexDialect: Dialect = {
  command: "codex",
  isOpen: false,
  argv: (options) => [
    ...[options.command, ...options.args, "exec", "--json", "--skip-git-repo-check"],
    ...option("--model", options.model),
    ...option("--sandbox", options.permissionMode),
    ...(options.session === undefined ? [] : ["resume", options.session]),
    "-",
  ],
  // It takes no instruction beside its task.
  task: (text, { instruction = "" }) => (instruction === "" ? text : `${instruction}\n\n${text}`),
  converse: () => new CodexConversation(),
};

class CodexConversation implements Conversation {
  #answer = "";
  #hasText = false;
  #error = "";
  readonly #begun = new Set<string>();

  read(line: Json): readonly Said[] {
    switch (line["type"]) {
      case "thread.started": {
        const id = stringOf(line["thread_id"]);
        return isSession(id) ? [{ type: "session", id }] : [];
      }
      case "item.started":
        return this.#begin(objectOf(line["item"]));
      case "item.completed":
        return this.#complete(objectOf(line["item"]));
      case "error":
        this.#error = stringOf(line["message"]);
        return [];
      case "turn.completed":
        return [...usageIn(objectOf(line["usage"])), { type: "end", answer: this.#answer }];
      case "turn.failed": {
        const why = stringOf(objectOf(line["error"])["message"]) || this.#error;
        const fault = { why: why.slice(0, FAULT_CHARS) || "it does not say why" };
        return [{ type: "end", answer: "", fault }];
      }
      default:
        return [];
    }
  }

  #begin(item: Json): readonly Said[] {
    const call = callOf(item);
    if (call === null) return [];
    this.#begun.add(call.id);
    return [{ type: "tool_call", ...call }];
  }

  #complete(item: Json): readonly Said[] {
    if (item["type"] === "agent_message") {
      const text = stringOf(item["text"]);
      if (text === "") return [];
      const before = this.#hasText ? "\n\n" : "";
      this.#hasText = true;
      this.#answer = text;
      return [{ type: "text", text: before + text }];
    }
    if (item["type"] === "error") return [{ type: "notice", text: stringOf(item["message"]) }];
    const call = callOf(item);
    if (call === null) return [];
    const { id, name } = call;
    const result: Said = { type: "tool_result", id, name, result: resultOf(item) };
    return this.#begun.delete(id) ? [result] : [{ type: "tool_call", ...call }, result];
  }
}

interface Call {
  readonly id: string;
  readonly name: string;
  readonly arguments: unknown;
}

function callOf(item: Json): Call | null {
  const id = stringOf(item["id"]);
  switch (item["type"]) {
    case "command_execution":
      return { id, name: "command", arguments: { command: item["command"] } };
    case "file_change":
      return { id, name: "file_change", arguments: { changes: item["changes"] } };
    case "mcp_tool_call": {
      const name = `${stringOf(item["server"])}.${stringOf(item["tool"])}`;
      return { id, name, arguments: item["arguments"] ?? {} };
    }
    case "web_search":
      return { id, name: "web_search", arguments: { query: item["query"] } };
    default:
      return null;
  }
}

function resultOf(item: Json): unknown {
  if (item["type"] === "command_execution") {
    return { output: stringOf(item["aggregated_output"]), exit_code: item["exit_code"] ?? null };
  }
  if (item["type"] === "mcp_tool_call") return item["result"] ?? item["error"] ?? item["status"];
  return item["status"] ?? "completed";
}

/** What it had read before is a part of its `input_tokens`. */
function usageIn(usage: Json): readonly Said[] {
  const [input, output] = [countOf(usage["input_tokens"]), countOf(usage["output_tokens"])];
  if (input + output === 0) return [];
  const cached = countOf(usage["cached_input_tokens"]);
  const counted: WorkUsage = {
    ...{ promptTokens: input, completionTokens: output },
    ...(cached > 0 && { cachedTokens: cached }),
  };
  return [{ type: "usage", usage: counted }];
}
