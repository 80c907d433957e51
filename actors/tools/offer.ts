// The tools of one answer: what an agent or a sub-agent names, with what its records say, made ready
// for the model loop. Records are looked up in a step, so that a run that is resumed goes on with the
// versions it began with.

import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { sessionOfConversationTable } from "../channels/session-state.ts";
import { limits } from "../limits.ts";
import { versionId } from "../records/agent-version.ts";
import { quorumOf } from "../records/approval.ts";
import { type ResourceRow, resourceTables } from "../records/resource.ts";
import {
  isRecordId,
  type Permission,
  plainUse,
  type ToolInput,
  type ToolTypeName,
  type ToolUse,
} from "../records/tool.ts";
import { toolKind } from "../records/tool-kind.ts";
import { targetPlace } from "../targets.ts";
import type { Found } from "./found.ts";
import { configLinks } from "./links.ts";
import type { ScriptTerms } from "./script-run.ts";
import type { Tool } from "./tool.ts";
import type { FilesOut, OtherTools, ToolConfig, ToolPlace } from "./tool-type.ts";
import { builtinTools } from "./tool-types.ts";

/** Whose tools they are, and where they are used. */
export interface Offered extends Omit<ToolPlace, "readable"> {
  /** Of the step that looks up what they name, unique within the run. */
  readonly key: string;
  /** Versions of records, for those that were looked up before. */
  readonly versions?: Readonly<Record<string, number>>;
}

const tables = resourceTables(toolKind);

/**
 * The tools that `named` name, in that order; what they say was checked when they were saved.
 * @throws NOT_FOUND for a record that does not exist any more.
 */
export async function offerTools(
  named: readonly ToolUse[],
  place: Offered,
): Promise<readonly Tool[]> {
  if (named.length === 0) return [];
  const uses = named.map(plainUse);
  const { versions } = place;
  const found = versions ? { versions, names: {} } : await lookUp(uses, place);
  const names = new Map([...place.names, ...Object.entries(found.names)]);
  const settings = await Promise.all(
    uses.map(async (use) => await withFile(await settingsOf(use, place, found), place)),
  );
  const readable = settings.flatMap(readableOf);
  const { files, session } = found;
  const own = { ...place, names, files, session, readable };
  const all = unlike((await Promise.all(settings.map((one) => eachOf(one, own)))).flat());
  return all.map((one) => toolOf(one, { ...own, others: othersOf(all, own) }));
}

/** What no script calls: what ends the answer, counts what it has sent, or could call it in turn. */
const notForScripts: ReadonlySet<string> = new Set([
  ...(["handoff", "send_file", "channel_message", "email", "script"] as const),
]);

function othersOf(settings: readonly Settings[], place: ToolPlace): OtherTools {
  return (name, permissions) => {
    const one = settings.find((some) => some.name === name);
    if (one === undefined || notForScripts.has(one.type)) return undefined;
    const both = permissionsOf(one).filter((permission) => permissions.has(permission));
    return toolOf({ ...one, permissions: both }, place);
  };
}

/** What one use offers: a tool, or those of a record that is several. */
async function eachOf(
  settings: Settings,
  place: Pick<Offered, "context" | "input" | "key">,
): Promise<readonly Settings[]> {
  const type = builtinTools[settings.type];
  const { config = {}, name, record } = settings;
  if (type.list === undefined) return [settings];
  if (record === undefined) throw new RuntimeError("INVALID", `A ${type.type} is a record.`);
  const { auth } = authOf(config, place);
  const at = { ...record, name, auth, context: place.context, key: `${place.key}:${name}` };
  return (await type.list(config, at)).map((one) => ({ ...settings, ...one }));
}

/**
 * Names differ when tools are saved. A record that is several tools may have other ones since: those whose name is
 * taken are left out, as a model that knows two tools by one name calls neither for sure.
 */
function unlike(settings: readonly Settings[]): readonly Settings[] {
  const taken = new Set<string>();
  return settings.filter(({ name }) => !taken.has(name) && taken.add(name));
}

/** Built-in types that something is looked up for. */
const lookedUp: ReadonlySet<string> = new Set([
  ...(["delegate", "handoff", "send_file", "channel_message"] as const),
]);
const nothing: Found = { versions: {}, names: {} };

async function lookUp(uses: readonly ToolUse[], { context, key }: Offered): Promise<Found> {
  if (!uses.some(({ tool }) => isRecordId(tool) || lookedUp.has(tool))) return nothing;
  const row = (table: string, id: string) => context.row(table, id);
  return await context.step(
    key,
    async () => {
      const versions: Record<string, number> = {};
      const names: Record<string, string> = {};
      let sendsFiles = false;
      let speaks = false;
      for (const use of uses) {
        const current = isRecordId(use.tool)
          ? ((await row(tables.current, use.tool)) as ResourceRow<ToolInput> | undefined)
          : undefined;
        if (current === undefined && isRecordId(use.tool)) throw gone(use.tool);
        if (current !== undefined) versions[use.tool] = current.version;
        const { type, config = {} } = current?.record ?? { type: use.tool, config: use.config };
        sendsFiles ||= type === "send_file";
        speaks ||= type === "channel_message";
        const links = configLinks(type as ToolTypeName, config);
        for (const id of Object.values(links)) {
          const named = /^(ag|tm)_/.test(id) ? await row(targetPlace(id).current, id) : undefined;
          const name = nameIn(named);
          if (name !== undefined) names[id] = name;
        }
      }
      const files = sendsFiles ? await filesOut(context) : null;
      const session = speaks && ((await openedBy(context))?.session ?? null);
      return { versions, names, ...(files && { files }), ...(session !== false && { session }) };
    },
    { repeat: "safe" },
  );
}

/** The session of the conversation, where its channel takes files; null: it is in none, or in one that is not open. */
async function filesOut(context: Offered["context"]): Promise<FilesOut | null> {
  const { tenant, ports } = context;
  const opened = await openedBy(context);
  if (opened?.channel === undefined) return null;
  const { session, channel } = opened;
  const bytesMax = await ports.channels.fileBytesMax({ tenant, channel }).catch(() => 0);
  return bytesMax > 0 ? { session, bytesMax } : null;
}

/** The session that has opened the conversation. */
async function openedBy(context: Offered["context"]) {
  const { root } = addressParts(context.self);
  return (await context.row(sessionOfConversationTable, root)) as
    | { readonly session: string; readonly channel?: string }
    | undefined;
}

function nameIn(row: unknown): string | undefined {
  const { agent, record } = (row ?? {}) as Partial<Record<"agent" | "record", { name?: string }>>;
  return agent?.name ?? record?.name;
}

/** A tool's settings, whoever made them. */
interface Settings extends Omit<ToolInput, "name"> {
  readonly name: string;
  /** Under which its calls are counted. */
  readonly countedAs: string;
  /** Of a record. */
  readonly record?: { readonly id: string; readonly version: number };
  /** Needed beside what its type needs. */
  readonly needs?: readonly Permission[];
  /** Why it can do nothing. */
  readonly refusal?: string;
}

/** A script of the operator's, with what its file says where nothing else is said. */
async function withFile(settings: Settings, { context, key }: Offered): Promise<Settings> {
  const { type, name, config } = settings;
  const file = config?.["file"];
  if (type !== "script" || typeof file !== "string") return settings;
  const { tenant, ports } = context;
  const terms = await context.step<ScriptTerms | null>(
    `${key}:script:${name}`,
    async () => {
      const found = await ports.scripts?.find({ tenant, name: file });
      if (found === undefined || found === null) return null;
      const { description, parameters, permissions } = found;
      return { description, parameters, permissions };
    },
    { repeat: "safe" },
  );
  if (terms === null) {
    return { ...settings, refusal: `There is no script ${file} in the server's folder.` };
  }
  const { permissions } = terms;
  return {
    ...terms,
    ...settings,
    permissions: settings.permissions ?? [...permissions],
    needs: permissions,
  };
}

async function settingsOf(
  use: ToolUse,
  { context, owner }: Offered,
  { versions }: Found,
): Promise<Settings> {
  const { tool, ...own } = use;
  if (!isRecordId(tool)) {
    const type = tool as ToolTypeName;
    return { ...own, type, name: use.name ?? type, countedAs: `${owner}.${tool}` };
  }
  const id = versionId(tool, versions[tool] ?? 0);
  const row = (await context.row(tables.versions, id)) as ResourceRow<ToolInput> | undefined;
  if (row === undefined) throw gone(tool);
  const { record } = row;
  const granted = permissionsOf(record);
  const permissions = (own.permissions ?? granted).filter((one) => granted.includes(one));
  const { confirm_when: _, ...always } = record;
  const base = own.requires_confirmation === true ? always : record;
  const version = versions[tool] ?? 0;
  return { ...base, ...own, permissions, countedAs: tool, record: { id: tool, version } };
}

/** What another tool beside it may read as well. */
function readableOf(settings: Settings): readonly string[] {
  const { type, config } = settings;
  if (type !== "file_reader" || !permissionsOf(settings).includes("read")) return [];
  return (config as { readonly paths?: readonly string[] } | undefined)?.paths ?? [];
}

function toolOf(settings: Settings, place: ToolPlace): Tool {
  const type = builtinTools[settings.type];
  const { config = {}, rate, repeat, timeout_ms, result_chars } = settings;
  const permissions: ReadonlySet<Permission> = new Set(permissionsOf(settings));
  const timeoutMs = timeout_ms ?? limits.toolMs;
  const resultChars = result_chars ?? limits.toolResultChars;
  const missing = [...type.needs, ...(settings.needs ?? [])].find((need) => !permissions.has(need));
  const lacks = missing && `This tool does not have the permission "${missing}".`;
  const refusal = settings.refusal ?? lacks;
  const work = type.make(config, place, {
    ...{ permissions, timeoutMs, resultChars },
    ...(repeat !== undefined && { repeat }),
  });
  return {
    ...work,
    ...("perform" in work && repeat !== undefined && { repeat }),
    ...(refusal !== undefined && { refuses: () => refusal }),
    spec: {
      name: settings.name,
      description: settings.description ?? type.describe(config, place.names),
      parameters: settings.parameters ?? type.parameters(config),
    },
    timeoutMs,
    resultChars,
    ...(settings.serial !== undefined && { isSerial: settings.serial }),
    ...confirmationOf(withConfirmed(settings, config), place.owner),
    ...authOf(config, place),
    ...(rate && {
      rate: { name: settings.countedAs, calls: rate.calls, perSeconds: rate.per_seconds },
    }),
  };
}

/** Calls of what reaches people outside are confirmed where nothing is said of it. */
function withConfirmed(settings: Settings, config: ToolConfig): Settings {
  const { requires_confirmation = isConfirmed(settings, config) } = settings;
  return { ...settings, requires_confirmation };
}

function isConfirmed({ type, confirm_when: when }: Settings, config: ToolConfig): boolean {
  return when === undefined && builtinTools[type].confirms?.(config) === true;
}

function confirmationOf(settings: Settings, agent: string): Pick<Tool, "confirmation"> {
  const { requires_confirmation, confirm_when: when, approve_when: approveWhen } = settings;
  const { approvals } = settings;
  if (requires_confirmation !== true && when === undefined) return {};
  return {
    confirmation: {
      agent,
      ...(when !== undefined && { when }),
      ...(approveWhen !== undefined && { approveWhen }),
      ...(approvals !== undefined && { quorum: quorumOf(approvals) }),
    },
  };
}

/** The token of its requests: that of the user of the run, else of the tenant. */
function authOf(config: ToolConfig, { input }: Pick<ToolPlace, "input">): Pick<Tool, "auth"> {
  const { auth, url } = config as {
    readonly auth?: { readonly token: string };
    readonly url?: string;
  };
  if (auth === undefined) return {};
  return { auth: { ...auth, ...(input.user && { user: input.user }), ...(url && { url }) } };
}

function permissionsOf({ type, permissions }: Pick<ToolInput, "type" | "permissions">) {
  const { granted, needs } = builtinTools[type];
  return permissions ?? granted ?? needs;
}

function gone(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `Tool ${id} does not exist any more.`);
}
