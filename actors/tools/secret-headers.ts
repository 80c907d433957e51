// Headers of a tool whose values are secrets: whoever sets them sends them once; readers of the record get
// "***", and whoever sends that back keeps what is stored. Not to another address though: who may change
// a tool and never saw its secret must not have it sent to a host of their own.

import { RuntimeError } from "../../runtime/errors.ts";
import type { ToolUse } from "../records/tool.ts";
import type { RequestConfig } from "./http-build.ts";

/** Shown in place of a secret, and sent to keep it. */
export const HIDDEN = "***";

const SECRET =
  /auth|cookie|token|secret|passw|credential|signature|session|api-?key|(^|[-_])key$|(^|[-_])pin$/i;

type Fields = Readonly<Record<string, unknown>>;

/** A tool as far as its configuration goes: a record, or a use of a built-in type. */
interface Configured {
  readonly config?: Fields | null | undefined;
}

/** Whether a header's value is shown to nobody: by its name, or because the configuration says so. */
export function isSecretHeader(
  name: string,
  config: Pick<RequestConfig, "secret_headers">,
): boolean {
  const marked = Array.isArray(config.secret_headers) ? config.secret_headers : [];
  return (
    SECRET.test(name) || marked.some((one) => String(one).toLowerCase() === name.toLowerCase())
  );
}

/** The tool as readers get it. */
export function shownTool<Tool extends Configured>(tool: Tool): Tool {
  const config = tool.config as RequestConfig | null | undefined;
  const headers = headersOf(config);
  if (config == null || headers === undefined) return tool;
  const shown = Object.entries(headers).map(([name, value]) => [
    name,
    isSecretHeader(name, config) ? HIDDEN : value,
  ]);
  return { ...tool, config: { ...config, headers: Object.fromEntries(shown) } };
}

/** `tools` of an agent or a sub-agent as readers get them. */
export function shownUses<Uses extends readonly ToolUse[] | null | undefined>(uses: Uses): Uses {
  return (Array.isArray(uses) ? uses.map(shownTool) : uses) as Uses;
}

/**
 * The tool as it is stored: what was sent as "***" has the stored value.
 * @param before the stored one, undefined for a new tool.
 * @throws INVALID with the pointer where nothing is stored, or where it would go to another address.
 */
export function storedTool<Tool extends Configured>(
  sent: Tool,
  before: Configured | undefined,
  pointer: string,
): Tool {
  const config = sent.config as RequestConfig | null | undefined;
  const headers = headersOf(config);
  if (config == null || headers === undefined) return sent;
  const own = before?.config as RequestConfig | null | undefined;
  const known = new Map(
    Object.entries(headersOf(own) ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const stored = Object.entries(headers).map(([name, value]) => {
    if (value !== HIDDEN) return [name, value];
    const place = `${pointer}/config/headers/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const kept = known.get(name.toLowerCase());
    if (kept === undefined)
      throw invalid(`No value of ${name} is stored that could be kept.`, place);
    // A name that is not like a secret's is one only while it is marked.
    const isSame = targetsOf(config) === targetsOf(own) && isSecretHeader(name, config);
    if (isSame) return [name, kept];
    const text = `The tool asks other hosts now, or shows this header: send the value of ${name} again.`;
    throw invalid(text, place);
  });
  return { ...sent, config: { ...config, headers: Object.fromEntries(stored) } };
}

/** `tools` of an agent or a sub-agent as they are stored; a tool keeps what that of its name has. */
export function storedUses<Uses extends readonly ToolUse[] | null | undefined>(
  sent: Uses,
  before: readonly ToolUse[] | null | undefined,
): Uses {
  if (!Array.isArray(sent)) return sent;
  const named = (one: ToolUse): string => `${one.tool} ${one.name ?? one.tool}`;
  const byName = new Map((before ?? []).map((one) => [named(one), one]));
  return (sent as readonly ToolUse[]).map((use, at) =>
    storedTool(use, byName.get(named(use)), `/tools/${at}`),
  ) as unknown as Uses;
}

/** Where requests go, as text to compare. */
function targetsOf(config: RequestConfig | null | undefined): string {
  const origin = (url: unknown): string | null =>
    typeof url === "string" && URL.canParse(url) ? new URL(url).origin : null;
  const hosts = Array.isArray(config?.allowed_hosts) ? config.allowed_hosts : [];
  // A document says where its operations are.
  const { document, server } = (config ?? {}) as Fields;
  return JSON.stringify([
    ...[origin(config?.url), origin(config?.reconcile_url), [...hosts].sort()],
    ...(document === undefined && server === undefined ? [] : [document ?? null, origin(server)]),
  ]);
}

/** Of any value: what a merge patch makes is not checked yet. */
function headersOf(config: unknown): Readonly<Record<string, unknown>> | undefined {
  const headers: unknown = (config as Partial<RequestConfig> | null | undefined)?.headers;
  const isObject = typeof headers === "object" && headers !== null && !Array.isArray(headers);
  return isObject ? (headers as Fields) : undefined;
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
