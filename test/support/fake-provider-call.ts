// What a request to the fake provider asks for, read from either wire, and the checks the real
// services make. Pure: the server and the rules work on this form only.

/** Which protocol a request speaks. */
export type Wire = "openai" | "anthropic";

/** A tool as either wire declares it. */
export interface CalledTool {
  readonly name: string;
  readonly schema: Record<string, unknown>;
}

/** One request, as the rules and the tests see it. */
export interface ProviderCall {
  readonly wire: Wire;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body as sent. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly stream: boolean;
  /** All system texts, joined by newlines. */
  readonly system: string;
  /** Text of the last user message. */
  readonly lastUser: string;
  /** Every text of the prompt, joined by newlines. */
  readonly prompt: string;
  readonly tools: readonly CalledTool[];
  /** The tool the model must call, "any" tool, or none in particular. */
  readonly forcedTool: string | "any" | undefined;
  /** The schema the answer must follow, when one was given. */
  readonly schema: Record<string, unknown> | undefined;
  readonly wantsJson: boolean;
  readonly wantsUsage: boolean;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A refusal in the terms of both wires. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
  /** OpenAI's `error.type` and Anthropic's. Default by status. */
  readonly type?: string;
  readonly code?: string;
  readonly param?: string;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const textOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .filter(isObject)
    .map((part) => (typeof part["text"] === "string" ? part["text"] : textOf(part["content"])))
    .join("");
};

/** Reads a chat request of either wire. The body has passed `refusalOf`. */
export function readCall(
  wire: Wire,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Json,
): ProviderCall {
  const messages = (Array.isArray(body["messages"]) ? body["messages"] : []).filter(isObject);
  const isSystem = (message: Json) => ["system", "developer"].includes(String(message["role"]));
  const system = [
    textOf(body["system"]),
    ...messages.filter(isSystem).map((message) => textOf(message["content"])),
  ]
    .filter((text) => text !== "")
    .join("\n");
  const lastUser = textOf(messages.findLast((message) => message["role"] === "user")?.["content"]);
  const others = messages.filter((message) => !isSystem(message));
  const format = isObject(body["response_format"]) ? body["response_format"] : undefined;
  const options = isObject(body["stream_options"]) ? body["stream_options"] : undefined;
  return {
    wire,
    path,
    headers,
    body,
    model: String(body["model"] ?? ""),
    stream: body["stream"] === true,
    system,
    lastUser,
    prompt: [system, ...others.map((message) => textOf(message["content"]))].join("\n"),
    tools: readTools(wire, body["tools"]),
    forcedTool: readForced(wire, body["tool_choice"]),
    schema: schemaOf(format, body["output_config"]),
    wantsJson: format !== undefined && format["type"] !== "text",
    wantsUsage: options?.["include_usage"] === true,
    at: Date.now(),
  };
}

function schemaOf(format: Json | undefined, outputConfig: unknown): Json | undefined {
  const own = isObject(outputConfig) && isObject(outputConfig["format"]) && outputConfig["format"];
  if (own && isObject(own["schema"])) return own["schema"];
  const named = format?.["json_schema"];
  return isObject(named) && isObject(named["schema"]) ? named["schema"] : undefined;
}

function readTools(wire: Wire, tools: unknown): CalledTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isObject).map((tool) => {
    const spec = wire === "openai" && isObject(tool["function"]) ? tool["function"] : tool;
    const schema = wire === "openai" ? spec["parameters"] : spec["input_schema"];
    return { name: String(spec["name"]), schema: isObject(schema) ? schema : {} };
  });
}

function readForced(wire: Wire, choice: unknown): string | undefined {
  if (choice === "required") return "any";
  if (!isObject(choice)) return undefined;
  if (wire === "anthropic") {
    return choice["type"] === "tool"
      ? String(choice["name"])
      : choice["type"] === "any"
        ? "any"
        : undefined;
  }
  return isObject(choice["function"]) ? String(choice["function"]["name"]) : undefined;
}

/** What the real service would refuse about this request, or undefined. */
export function refusalOf(
  wire: Wire,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Refusal | undefined {
  // Anthropic takes its own header or a bearer token (which is what its SDK sends).
  const bearer = headers["authorization"]?.replace(/^Bearer /, "");
  const key = wire === "openai" ? bearer : (headers["x-api-key"] ?? bearer);
  if (!key || key.includes("wrong")) {
    return { status: 401, message: "Incorrect API key provided.", code: "invalid_api_key" };
  }
  if (!isObject(body)) return { status: 400, message: "We could not parse the JSON body." };
  const model = body["model"];
  if (typeof model !== "string")
    return { status: 400, message: "model: Field required", param: "model" };
  if (model.includes("missing")) {
    return { status: 404, message: `The model ${model} does not exist.`, code: "model_not_found" };
  }
  return wire === "openai" ? refusalOfOpenai(model, body) : refusalOfAnthropic(headers, body);
}

function refusalOfOpenai(model: string, body: Json): Refusal | undefined {
  if (body["input"] !== undefined) return undefined;
  if (!Array.isArray(body["messages"]) || body["messages"].length === 0) {
    return { status: 400, message: "messages: at least one is required.", param: "messages" };
  }
  const isReasoning = /^(o\d|gpt-5(?!\.\d|-chat))/.test(model);
  if (isReasoning && body["max_tokens"] !== undefined) {
    const message = "Unsupported parameter: use 'max_completion_tokens' instead of 'max_tokens'.";
    return { status: 400, message, param: "max_tokens", code: "unsupported_parameter" };
  }
  if (isReasoning && body["temperature"] !== undefined && body["temperature"] !== 1) {
    const message = "Unsupported value: 'temperature' supports only the default (1).";
    return { status: 400, message, param: "temperature", code: "unsupported_value" };
  }
  return undefined;
}

function refusalOfAnthropic(
  headers: Readonly<Record<string, string>>,
  body: Json,
): Refusal | undefined {
  if (!headers["anthropic-version"]) {
    return { status: 400, message: "anthropic-version: header is required" };
  }
  if (typeof body["max_tokens"] !== "number") {
    return { status: 400, message: "max_tokens: Field required" };
  }
  const messages = Array.isArray(body["messages"]) ? body["messages"].filter(isObject) : [];
  if (messages.length === 0) return { status: 400, message: "messages: at least one is required" };
  if (messages.some((message) => !["user", "assistant"].includes(String(message["role"])))) {
    return { status: 400, message: "messages: roles are user and assistant" };
  }
  if (messages[0]?.["role"] !== "user") {
    return { status: 400, message: "messages: first message must use the user role" };
  }
  const isEmpty = (message: Json) =>
    Array.isArray(message["content"]) ? message["content"].length === 0 : message["content"] === "";
  if (messages.some(isEmpty)) {
    return { status: 400, message: "messages: text content blocks must be non-empty" };
  }
  const temperature = body["temperature"];
  if (typeof temperature === "number" && temperature > 1) {
    return { status: 400, message: "temperature: must be at most 1" };
  }
  return undefined;
}

/** The smallest value that a schema allows: what the provider answers when a schema is asked for. */
export function instanceOf(schema: unknown, text: string, depth = 0): unknown {
  if (!isObject(schema) || depth > 16) return null;
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const union = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(union)) return instanceOf(union[0], text, depth + 1);
  const type = Array.isArray(schema["type"]) ? schema["type"][0] : schema["type"];
  if (type === "string") return text;
  if (type === "integer" || type === "number") return Number(schema["minimum"] ?? 0);
  if (type === "boolean") return true;
  if (type === "null") return null;
  if (type === "array") {
    const count = Number(schema["minItems"] ?? 0);
    return Array.from({ length: count }, () => instanceOf(schema["items"], text, depth + 1));
  }
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const entries = Object.entries(properties).map(([name, inner]) => [
    name,
    instanceOf(inner, text, depth + 1),
  ]);
  return Object.fromEntries(entries);
}
