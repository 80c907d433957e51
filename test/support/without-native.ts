// Loaded first by a server under test: the native front door has no binary here, as on a Node it
// was not built for, so that node:http carries the door.

import { register } from "node:module";

const hooks = `
export function resolve(specifier, context, next) {
  if (specifier === "uWebSockets.js") throw new Error("There is no binary for this Node.");
  return next(specifier, context);
}`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
