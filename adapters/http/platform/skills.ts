// /v2/skills: folders in the public Agent Skills format, sent as a zip, as a form of files or as JSON.
// Lists, versions, deletion and who names one are those of every kind of record.

import { type SkillFile, skillLimits } from "../../../actors/records/skill.ts";
import { skillKind } from "../../../actors/records/skill-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { SkillBody } from "../../skills/read-skill.ts";
import { acceptedTypes } from "../../skills/reading.ts";
import { answers } from "../openapi/responses.ts";
import { fileHeaders, json, streamed } from "../reply.ts";
import { resourceRoutes, resourceView } from "../resources/resource-routes.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import type { SkillVersion } from "../services/skills.ts";
import { versionNumber } from "../services/version-page.ts";
import { etag, ifMatchOf } from "./shapes.ts";
import {
  contentTypes,
  skillAsJson,
  skillBodies,
  skillFiles,
  skillSchema,
  zipSchema,
} from "./skill-schemas.ts";

const errors = "problem";
const pattern = "/v2/skills";
const common = { service: skillKind.path, errors } as const;
const one = { ...common, pattern: `${pattern}/{id}` };

/** The routes. */
export function skillRoutes(services: Services): readonly Route[] {
  const shared = resourceRoutes(services.skills.records, {
    input: skillAsJson,
    record: skillSchema,
  });
  return [
    // What has a body is sent in another way here.
    ...shared.filter(({ body }) => body === undefined),
    ...sendRoutes(services),
    ...fileRoutes(services),
  ];
}

function sendRoutes({ skills }: Services): readonly Route[] {
  const limits = `At most ${skillLimits.files} files, ${skillLimits.fileBytes} bytes each and ${skillLimits.bytes} together.`;
  return [
    defineRoute({
      ...common,
      pattern,
      method: "POST",
      summary: "Create a skill",
      description: `The folder with SKILL.md as a zip, as a form whose files have relative paths, or as JSON. ${limits} What is refused is named with its entry and the limit. A name that another skill has is a 409.`,
      reads: ["Idempotency-Key"],
      body: "raw",
      bodyBytesMax: skillLimits.uploadBytes,
      accepts: skillBodies,
      responses: answers(201, skillSchema, "The skill.", ["ETag", "Location"]),
      handler: async (context) => {
        const body = await sentIn(context);
        const key = onceKeyOf(context.request, body.bytes);
        const row = await skills.create(callerOf(context), body, key);
        const location = { Location: `${pattern}/${row.record.id}` };
        return json(201, resourceView(skillKind, row), { ...etag(row.version), ...location });
      },
    }),
    defineRoute({
      ...one,
      method: "PUT",
      summary: "Replace the files of a skill",
      description:
        "All of them, sent as where one is created: the next version, or the same one when the files are the same. A skill keeps its name. Runs under way finish on theirs.",
      reads: ["If-Match"],
      body: "raw",
      bodyBytesMax: skillLimits.uploadBytes,
      accepts: skillBodies,
      responses: answers(200, skillSchema, "The skill.", ["ETag"]),
      handler: async (context) => {
        const ifMatch = ifMatchOf(context.request);
        const body = await sentIn(context);
        const { id = "" } = context.params;
        const row = await skills.replace(callerOf(context), id, body, ifMatch);
        return json(200, resourceView(skillKind, row), etag(row.version));
      },
    }),
  ];
}

function fileRoutes({ skills }: Services): readonly Route[] {
  const versionOf = ({ principal, params, query }: Asked): Promise<SkillVersion> => {
    const version = query.get("version");
    const number = version === null ? null : versionNumber(version);
    return skills.files(principal.tenant, params["id"] ?? "", number);
  };
  return [
    defineRoute({
      ...common,
      pattern: `${pattern}/{id}/files`,
      method: "GET",
      summary: "List the files of a skill",
      description: "All of them, in order of their paths; of `version`, default the current one.",
      query: ["version"],
      responses: answers(200, skillFiles, "The files, as one page."),
      handler: async (context) => {
        const { tree } = await versionOf(context);
        return json(200, { data: tree.files.map(fileView), next_cursor: null });
      },
    }),
    defineRoute({
      ...common,
      pattern: `${pattern}/{id}/content`,
      method: "GET",
      summary: "Read a file of a skill",
      description:
        "Its bytes as they were sent. `path` is default SKILL.md, `version` the current one.",
      query: ["path", "version"],
      responses: { 200: { description: "The file.", content: contentTypes } },
      handler: async (context) => {
        const { row, tree } = await versionOf(context);
        const path = context.query.get("path") ?? "SKILL.md";
        const file = tree.files.find((entry) => entry.path === path);
        if (file === undefined) throw noFile(row.record.id, path);
        const { tenant } = context.principal;
        const type = file.isText ? "text/plain; charset=utf-8" : "application/octet-stream";
        const name = path.slice(path.lastIndexOf("/") + 1);
        return streamed(fileHeaders(type, name), skills.pieces(tenant, row.record.id, file));
      },
    }),
    defineRoute({
      ...common,
      pattern: `${pattern}/{id}/download`,
      method: "GET",
      summary: "Download a skill as a zip",
      description:
        "With its folder, as it can be sent again; of `version`, default the current one.",
      query: ["version"],
      responses: {
        200: { description: "The zip.", content: { "application/zip": zipSchema } },
      },
      handler: async (context) => {
        const { row, tree } = await versionOf(context);
        const { id, name } = row.record;
        const { tenant } = context.principal;
        const pieces = (file: SkillFile) => skills.pieces(tenant, id, file);
        const { zipPieces } = await import("../../skills/zip-out.ts");
        const headers = fileHeaders("application/zip", `${name}.zip`);
        return streamed(headers, zipPieces(name, tree.files, pieces));
      },
    }),
  ];
}

type Asked = Pick<RouteContext, "principal" | "params" | "query">;

/** What was sent. @throws INVALID without a body, BODY_TOO_LARGE. */
async function sentIn({ request }: Pick<RouteContext, "request">): Promise<SkillBody> {
  const bytes = await request.body(skillLimits.uploadBytes);
  if (bytes.length > 0) return { type: request.header("content-type") ?? "", bytes };
  throw new RuntimeError("INVALID", `A skill is sent as ${acceptedTypes}; the body was empty.`);
}

function fileView({ path, bytes, sha256, isText }: SkillFile): object {
  return { path, bytes, sha256, is_text: isText };
}

function noFile(id: string, path: string): RuntimeError {
  const text = `Skill ${id} has no file ${JSON.stringify(path.slice(0, skillLimits.pathChars))}.`;
  return new RuntimeError("NOT_FOUND", text, { parameter: "path" });
}
