// What the bench's provider answers to a call: the routing decision in the asking framework's own
// form (a tool call, a handoff, a structured answer), else an answer whose tokens carry stamps.
// Bodies are searched, not parsed: the provider must cost next to nothing.

/** How one call is answered. Times are microseconds of the monotonic clock. */
export interface ProviderAnswer {
  readonly isRoute: boolean;
  /** The whole answer. */
  json(heldUs: number, nowUs: number, tokens: number): string;
  /** All frames of a stream at once. */
  frames(heldUs: number, nowUs: number, tokens: number): string;
  /** One frame of a paced stream. */
  frame(at: number, isLast: boolean, heldUs: number, nowUs: number): string;
}

/**
 * A stamp in an answer's text: `~<sent at, us>~`, the first and the last with what the
 * provider had held of this turn by then: `h<us>`.
 */
export const stampPattern = /~(\d+)(?:h(\d+))?~/g;

const head = '{"id":"chatcmpl-bench","object":"chat.completion","created":1,"model":"fake-fast",';
const chunkHead =
  '{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1,"model":"fake-fast",';
const usage = '"usage":{"prompt_tokens":80,"completion_tokens":9,"total_tokens":89}';
const words = "Export your data from Settings in one step and keep it safe";

const chunk = (delta: string, finish: string): string =>
  `data: ${chunkHead}"choices":[{"index":0,"delta":${delta},"finish_reason":${finish}}]}\n\n`;
const usageChunk = `data: ${chunkHead}"choices":[],${usage}}\n\n`;
const ending = `${chunk("{}", '"stop"')}${usageChunk}data: [DONE]\n\n`;
const wholeOf = (message: string, finish: string): string =>
  `${head}"choices":[{"index":0,"message":${message},"logprobs":null,"finish_reason":"${finish}"}],${usage}}`;

const plain: ProviderAnswer = {
  isRoute: false,
  json: (heldUs, nowUs) =>
    wholeOf(
      `{"role":"assistant","content":"~${nowUs}h${heldUs}~ ${words}","refusal":null}`,
      "stop",
    ),
  frames(heldUs, nowUs, tokens) {
    let text = "";
    for (let at = 0; at < tokens; at += 1) text += this.frame(at, at === tokens - 1, heldUs, nowUs);
    return text;
  },
  frame(at, isLast, heldUs, nowUs) {
    const held = at === 0 || isLast ? `h${heldUs}` : "";
    const role = at === 0 ? '"role":"assistant",' : "";
    const text = chunk(`{${role}"content":" ~${nowUs}${held}~"}`, "null");
    return isLast ? text + ending : text;
  },
};

/** An answer known in advance: sent with the first frame, the rest of the pace is its end. */
function fixed(message: string, delta: string, finish: string): ProviderAnswer {
  const whole = wholeOf(message, finish);
  const first = chunk(delta, "null");
  const last = `${chunk("{}", `"${finish}"`)}${usageChunk}data: [DONE]\n\n`;
  return {
    isRoute: true,
    json: () => whole,
    frames: () => first + last,
    frame: (at, isLast) => (at === 0 ? first : ": more\n\n") + (isLast ? last : ""),
  };
}

function structured(content: string): ProviderAnswer {
  const text = JSON.stringify(content);
  return fixed(
    `{"role":"assistant","content":${text},"refusal":null}`,
    `{"role":"assistant","content":${text}}`,
    "stop",
  );
}

function toolCall(name: string, args: unknown): ProviderAnswer {
  const fn = JSON.stringify({ name, arguments: JSON.stringify(args) });
  const calls = (index: string): string =>
    `[{${index}"id":"call_bench","type":"function","function":${fn}}]`;
  return fixed(
    `{"role":"assistant","content":null,"refusal":null,"tool_calls":${calls("")}}`,
    `{"role":"assistant","content":null,"tool_calls":${calls('"index":0,')}}`,
    "tool_calls",
  );
}

const byChoice = structured('{"choice":2,"intent":"billing"}');
const byResult = structured('{"result":"billing"}');
const tools = new Map<string, ProviderAnswer>();

/** Picks the answer by what the body asks for. */
export function answerOf(body: string): ProviderAnswer {
  if (body.includes('"json_schema"')) return body.includes('"choice"') ? byChoice : byResult;
  if (!body.includes('"tools":[') || body.includes('"role":"tool"')) return plain;
  const name = /"(agent-billing|transfer_to_billing|delegate_task|route)"/i.exec(body)?.[1];
  if (name === undefined) return plain;
  let answer = tools.get(name);
  if (answer === undefined) {
    answer = toolCall(name, argumentsOf(name));
    tools.set(name, answer);
  }
  return answer;
}

function argumentsOf(name: string): unknown {
  if (name === "route") return { agent: "billing" };
  if (name === "delegate_task") return { task: "Answer the question.", targetAgents: ["billing"] };
  if (name === "agent-billing") return { prompt: "Answer the question." };
  return {};
}
