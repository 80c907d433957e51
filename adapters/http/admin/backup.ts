// Backups of the data folder while the server runs: begun, watched and cancelled by the operator of
// the server. What is in one and how it is restored: adapters/cli/operations.md.

import { isAbsolute } from "node:path";
import { Type } from "../../../actors/schema.ts";
import type { BackupState } from "../../../runtime/backup/backups.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { RunningSystem } from "../../../runtime/pool.ts";
import { named } from "../openapi/named.ts";
import { answers, anyObject, count, orNull, time, toldError } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { common } from "./common.ts";

const pattern = "/admin/backup";
const PATH_CHARS_MAX = 4_096;
/** MiB that are written in a second unless another figure is asked for, and most that may be. */
const RATE = 32;
const RATE_MAX = 4_096;

const body = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: PATH_CHARS_MAX,
      description:
        "On the server's machine, absolute. A folder gets a file named by the time; a file must not be there yet.",
    }),
    with_keys: Type.Optional(
      Type.Boolean({
        description: "Whether the admin key and the master key are in it, in clear. Default false.",
      }),
    ),
    mib_per_second: Type.Optional(
      Type.Integer({ minimum: 1, maximum: RATE_MAX, description: `Default ${RATE}.` }),
    ),
  },
  { additionalProperties: false },
);

const schema = named(
  "Backup",
  Type.Object(
    {
      status: Type.String({ enum: ["none", "running", "completed", "failed", "cancelled"] }),
      path: orNull(Type.String({ description: "The file that is written." })),
      with_keys: Type.Boolean(),
      started_at: orNull(time),
      ended_at: orNull(time),
      rows: count,
      rows_total: count,
      bytes: count,
      manifest: orNull({
        ...anyObject,
        description: "Versions, sizes and SHA-256 of what is in it; null until it is completed.",
      }),
      error: orNull(toldError),
    },
    { additionalProperties: false },
  ),
);

/** Told of a backup that has ended, and in which tenant's name it was begun. */
export type BackupTold = (ended: BackupState, tenant: string) => void;

/** The routes. @param told is told of each that has ended. */
export function backupRoutes(
  system: Pick<RunningSystem, "backups">,
  version: () => Promise<string>,
  told: BackupTold,
): readonly Route[] {
  return [
    defineRoute({
      summary: "Begin a backup",
      description:
        "Writes what is stored at this moment into one file on the server's machine, while the server goes on. What was acknowledged before is in it. It has its name when it is whole. One at a time: 409 while another is under way. Keys are not in it unless asked for: without the master key the credentials in a backup cannot be read.",
      responses: answers(202, schema, "It has begun."),
      ...common,
      method: "POST",
      pattern,
      permission: "server.backup",
      query: [],
      body,
      handler: async ({ body: asked, principal }) => {
        if (!isAbsolute(asked.path)) {
          const text = "path must be absolute: it is on the server's machine.";
          throw new RuntimeError("INVALID", text, { pointer: "/path" });
        }
        const backups = await system.backups();
        const state = await backups.start({
          target: asked.path,
          withKeys: asked.with_keys ?? false,
          mibPerSecond: asked.mib_per_second ?? RATE,
          version: await version(),
        });
        void backups.ended().then((ended) => ended !== null && told(ended, principal.tenant));
        return json(202, shape(state));
      },
    }),
    defineRoute({
      summary: "Read how the backup stands",
      description: "The one under way, else the last one since the server was started.",
      responses: answers(200, schema, "The backup; `none` when there was none."),
      ...common,
      method: "GET",
      pattern,
      permission: "server.backup",
      query: [],
      handler: async () => json(200, shape((await system.backups()).state())),
    }),
    defineRoute({
      summary: "Cancel the backup under way",
      description:
        "Answers when what it had written is removed. With none under way nothing changes.",
      responses: answers(200, schema, "The backup."),
      ...common,
      method: "DELETE",
      pattern,
      permission: "server.backup",
      query: [],
      isControl: true,
      handler: async () => json(200, shape(await (await system.backups()).cancel())),
    }),
  ];
}

function shape(state: BackupState | null): unknown {
  return {
    status: state?.status ?? "none",
    path: state?.path ?? null,
    with_keys: state?.withKeys ?? false,
    started_at: state?.startedAt ?? null,
    ended_at: state?.endedAt ?? null,
    rows: state?.progress.rows ?? 0,
    rows_total: state?.progress.rowsTotal ?? 0,
    bytes: state?.progress.bytes ?? 0,
    manifest: state?.done?.manifest ?? null,
    error: state?.error ?? null,
  };
}
