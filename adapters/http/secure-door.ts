// What is only said over TLS: that browsers use nothing else from now on, and cookies that go over
// nothing else.

import type { FrontDoor, HttpRequest, HttpResponse } from "./server.ts";

/** A year, as browsers' lists ask for. */
const hsts = { "Strict-Transport-Security": "max-age=31536000" } as const;

/** The door as it answers behind TLS. */
export function secureDoor(door: FrontDoor): FrontDoor {
  return {
    handle: (request: HttpRequest) => {
      const answer = door.handle(request);
      return answer instanceof Promise ? answer.then(secure) : secure(answer);
    },
    upgrade: (request) => door.upgrade(request),
  };
}

function secure(answer: HttpResponse): HttpResponse {
  const defaults = [...(answer.defaults ?? []), hsts];
  const cookie = answer.headers?.["Set-Cookie"];
  if (cookie === undefined) return { ...answer, defaults };
  return { ...answer, defaults, headers: { ...answer.headers, "Set-Cookie": `${cookie}; Secure` } };
}
