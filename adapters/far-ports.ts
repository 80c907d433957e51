// The ports that main serves for engines.

import type { Channels } from "../actors/channels/port.ts";
import type { Engines } from "../actors/engines/port.ts";
import type { EngineWorks } from "../actors/engines/works.ts";
import type { McpServers } from "../actors/mcp/port.ts";
import type { Scripts } from "../actors/tools/script-run.ts";
import type { Launches, Schedules } from "../actors/triggers/port.ts";
import type { FarPort } from "./far-port.ts";

/** What is sent over channels: accounts are open once, on main. */
export const farChannels: FarPort<Channels> = {
  name: "channels",
  calls: [
    ...(["ask", "stop", "decide", "render", "renderPlain", "template"] as const),
    ...(["send", "reconcile", "reach", "fileBytesMax"] as const),
  ],
  // A sign that could not be given is not missed, nor is one of many that are counted.
  tells: ["typing", "ended"],
};

/** Work that triggers begin: it goes through the door's gates as chats do. */
export const farLaunches: FarPort<Launches> = { name: "launches", calls: ["launch", "cancel"] };

/** Schedules that agents set: triggers of their tenants. */
export const farSchedules: FarPort<Schedules> = {
  name: "schedules",
  calls: ["plan", "planned", "unplan"],
};

/** Scripts of the operator: their folder is read once, on main. */
export const farScripts: FarPort<Scripts> = { name: "scripts", calls: ["find"] };

/** Servers of tools that are processes of the operator's: each is there once, on main. */
export const farMcp: FarPort<McpServers> = { name: "tool servers", calls: ["list", "call"] };

/** Work of engines: processes and what is open to other servers are there once, on main. */
export const farWorks: FarPort<EngineWorks> = {
  name: "engines",
  calls: ["terms", "begin", "next", "say", "stop"],
};

/** Commands of engines on targets: their processes and connections are main's. */
export const farEngines: FarPort<Engines> = {
  name: "engines",
  calls: ["offered", "operate", "shell", "awaited"],
};
