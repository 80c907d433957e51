// `troupe gateway`: channels of a project folder, with an agent of its own or one of a Troupe server; and
// `troupe gateway doctor`, which looks at them from outside; `troupe gateway fields` prints what a file may say.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { secretEnvironment } from "../config.ts";
import { type GatewayFile, readGatewayFile } from "../gateway/file.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { outliveHangups, stopSignal } from "../signals.ts";

const options = {
  cwd: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
} as const;

/** Runs it until it is told to stop; exit code 1 when it could not start, or a look found something wrong. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const folder = resolve(values.cwd ?? ".");
    const [what, ...more] = positionals;
    if (more.length > 0 || ![undefined, "doctor", "fields"].includes(what)) {
      const said = [what, ...more].join(" ");
      const message = `"${said}" is nothing a gateway does; there are doctor and fields`;
      throw new RuntimeError("INVALID", message);
    }
    if (what === "fields") {
      process.stdout.write(await (await import("../gateway/fields.ts")).fieldsPage());
      return 0;
    }
    const file = await readGatewayFile(folder, secretEnvironment());
    if (what === "doctor") return await doctor(file, folder);
    const host = values.host ?? file.host;
    return await serve(file, folder, { host, port: portOf(values.port) ?? file.port });
  } catch (error) {
    if (!(error instanceof RuntimeError) && !isUsage(error)) throw error;
    for (const line of (error as Error).message.split("\n")) {
      process.stderr.write(`troupe gateway: ${line}\n`);
    }
    return 1;
  }
}

async function open({ agent, settings, channels }: GatewayFile, folder: string): Promise<Gateway> {
  const { Gateway } = await import("../gateway/gateway.ts");
  const gateway = new Gateway(agent, settings, folder);
  for (const channel of channels) gateway.addChannel(channel);
  return gateway;
}

async function serve(
  file: GatewayFile,
  folder: string,
  at: { readonly host: string; readonly port: number },
): Promise<number> {
  // Listened to before there is anything to stop, so that an early signal is not lost.
  outliveHangups();
  const stopped = stopSignal();
  const gateway = await open(file, folder);
  const url = await gateway.start(at);
  const base = file.settings.publicUrl?.replace(/\/+$/, "") ?? url;
  process.stdout.write(`troupe gateway listens on ${url}\n`);
  for (const { name, path, lasting } of gateway.urls()) {
    process.stdout.write(`  ${name}: ${base}${path}  (lasting: ${base}${lasting})\n`);
  }
  const { keepFile } = await import("../gateway/renewal.ts");
  const stopLooking = keepFile(file, folder, gateway, (level, message) => {
    (level === "info" ? process.stdout : process.stderr).write(`troupe gateway: ${message}\n`);
  });
  await stopped;
  stopLooking();
  await gateway.stop();
  return 0;
}

/** Looks at everything, and changes nothing. */
async function doctor(file: GatewayFile, folder: string): Promise<number> {
  const { examineGateway } = await import("./gateway-doctor.ts");
  let isWell = true;
  for (const { ok, name, text, help } of await examineGateway(file, folder)) {
    isWell &&= ok;
    process.stdout.write(`${ok ? "ok   " : "WRONG"} ${name}: ${text}\n`);
    if (help !== null) process.stdout.write(`      ${help}\n`);
  }
  process.stdout.write(isWell ? "Nothing is wrong.\n" : "Something is wrong: see above.\n");
  return isWell ? 0 : 1;
}

function portOf(given: string | undefined): number | null {
  if (given === undefined) return null;
  const port = Number(given);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new RuntimeError("INVALID", `--port is a number from 0 to 65535, not "${given}"`);
}

/** What parseArgs says of an option that there is not. */
function isUsage(error: unknown): boolean {
  return (
    error instanceof TypeError &&
    String((error as { code?: unknown }).code).startsWith("ERR_PARSE_ARGS")
  );
}
