// Sends the requests of a column and looks at how each is refused: status, code and place, in the style
// of its surface, and nothing of the program's insides.

import { expect } from "vitest";
import type { Route } from "../../../adapters/http/route.ts";
import type { Json } from "../../support/wire-client.ts";
import type { Asked } from "./columns.ts";
import type { Cannot, Refusal } from "./row.ts";
import type { Sent } from "./sent.ts";
import type { Told } from "./world.ts";

/** What an error says. */
interface Problem {
  readonly code?: string;
  readonly pointer?: string;
  readonly parameter?: string;
}

/** What an error says, in the style of its surface. */
function errorOf({ errors }: Route, { headers, body }: Told): Problem {
  const type = headers.get("content-type") ?? "";
  if (errors === "problem") {
    expect(type).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({ type: expect.stringMatching(/^urn:troupe:error:/) });
    return body;
  }
  expect(type).toMatch(/^application\/json/);
  if (errors === "envelope") {
    expect(body).toMatchObject({ status: "error", gateway: { request_id: expect.any(String) } });
    return body.error;
  }
  if (errors === "anthropic") {
    expect(body).toMatchObject({ type: "error", request_id: headers.get("request-id") });
    const { error_code, ...place } = body.error.details;
    return { ...place, code: String(error_code).toUpperCase() };
  }
  if (errors === "rpc-status" || errors === "json-rpc") {
    const { details, data } = body.error as Json;
    const [{ reason, metadata }] = details ?? data;
    const own: Json = { TASK_NOT_FOUND: "NOT_FOUND", INVALID_PARAMS: "INVALID" };
    return { ...metadata, code: own[reason] ?? reason };
  }
  const { code, param } = body.error as Json;
  const pointer = param === null ? "" : `/${String(param).replaceAll(".", "/")}`;
  const isOwn = code !== "invalid_api_key";
  return { pointer, parameter: param, ...(isOwn && { code: String(code).toUpperCase() }) };
}

/** Sends it, and sees that it is refused as it must be. */
async function refuse({ world, route, good }: Asked, refusal: Refusal): Promise<Told> {
  const { what, status, code, pointer, parameter } = refusal;
  const told = await world.send(route, await refusal.sent(good, world));
  const wanted = typeof status === "number" ? [status] : status;
  expect([what, told.status, told.text], told.text).toEqual([
    ...[what, wanted.find((one) => one === told.status) ?? wanted, told.text],
  ]);
  expect(told.headers.get("x-request-id")).toMatch(/^req_/);
  if (told.status < 400) return told;
  const error = errorOf(route, told);
  const seen = { ...error, pointer: error.pointer ?? "" };
  if (code !== undefined && seen.code !== undefined)
    expect([what, seen.code]).toEqual([what, code]);
  if (pointer?.endsWith("*")) {
    expect([what, seen.pointer.startsWith(pointer.slice(0, -1)), seen.pointer]).toEqual([
      ...[what, true, seen.pointer],
    ]);
  } else if (pointer !== undefined) expect([what, seen.pointer]).toEqual([what, pointer]);
  if (parameter !== undefined) expect([what, seen.parameter]).toEqual([what, parameter]);
  expect(told.text).not.toMatch(/\bat .*\.(?:js|ts):|node_modules/);
  return told;
}

/** All cases of a column, or a reason why there is none. */
export async function refuseAll(of: Asked, cases: readonly Refusal[] | Cannot): Promise<void> {
  if (typeof cases === "string") {
    expect(cases).toMatch(/^cannot: ./);
    return;
  }
  for (const one of cases) await refuse(of, one);
}

/** An answer without what differs between two requests, and without the ids that were sent. */
export function masked({ status, body }: Told, { params = {} }: Sent): string {
  const { request_id: _, gateway: __, ...rest } = body;
  const text = Object.values(params).reduce(
    (all, value) => all.replaceAll(JSON.stringify(value).slice(1, -1), "<id>"),
    `${status} ${JSON.stringify(rest)}`,
  );
  return text.replace(/\b[a-z]{2}_[0-9a-z]{26}/g, "<id>");
}
