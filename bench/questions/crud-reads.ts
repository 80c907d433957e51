// What does reading records cost: GET of one and a list of 50, of a resource and of agents, in requests
// a second of the server's CPU against the bare front door (one route, a constant of the same size) in
// the same rounds. Of CPU, because both fill their core, and another's work on it is neither's.

import { join } from "node:path";
import { median, type Question, rounded, row } from "../question.ts";
import { ask, runLoad } from "../support/client.ts";
import { projectFolder } from "../support/peers.ts";
import { cores, type Running, startProcess } from "../support/processes.ts";
import { getBytes } from "../support/target.ts";
import { makeDesk, startTroupe } from "../support/troupe.ts";

const IN_FLIGHT = 64;
const RECORDS = 50;
/** Of a template, of the order of what people write. */
const TEXT_CHARS = 500;

/** The question. */
export const crudReads: Question = {
  name: "crud-reads",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: null });
    const bare = await startBareDoor();
    try {
      const desk = await makeDesk(troupe);
      const ours = { port: troupe.port, headers: { "x-api-key": desk.key } };
      const paths = await makeRecords(ours);
      const rates = new Map<string, number[]>();
      const note = (name: string, rate: number): void => {
        rates.set(name, [...(rates.get(name) ?? []), rate]);
      };
      const bytesOf = new Map<string, number>();
      for (const path of paths) {
        const { body, status } = await ask(ours.port, getBytes(ours, path));
        if (status !== 200) throw new Error(`GET ${path} answered ${status}.`);
        bytesOf.set(path, Buffer.byteLength(body));
      }
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const path of paths) {
          const bytes = bytesOf.get(path) ?? 0;
          const load = async ({ running, port }: Loaded, next: Buffer): Promise<number> => {
            let requests = 0;
            const before = running.cpuSeconds();
            const { errors } = await runLoad({
              ...{ port, inFlight: IN_FLIGHT, warmMs: at === 0 ? 1_000 : 200 },
              durationMs: bench.isQuick ? 500 : 1_500,
              next: () => {
                requests += 1;
                return next;
              },
            });
            if (errors > 0) throw new Error(`${errors} requests of ${path} failed.`);
            return requests / (running.cpuSeconds() - before);
          };
          const record = await load(troupe, getBytes(ours, path));
          const constant = await load(bare, getBytes(bare, `/constant/${bytes}`));
          bench.say(`${path} ${Math.round(record)}/s, bare ${Math.round(constant)}/s`);
          note(path, record);
          note(`bare ${path}`, constant);
        }
      }
      return paths.map((path) => {
        const peer = rates.get(`bare ${path}`) ?? [];
        return row(
          `GET ${shown(path)} a second of CPU, against the bare front door`,
          rates.get(path) ?? [],
          {
            peer,
            goal: ">= 0.6x",
            holds: (_figure, ratio) => ratio >= 0.6,
            note: `${bytesOf.get(path)} bytes; bare ${rounded(median(peer))}`,
          },
        );
      });
    } finally {
      await troupe.stop();
      await bare.stop();
    }
  },
};

interface Door {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** A process under load. */
interface Loaded {
  readonly running: Running;
  readonly port: number;
}

async function startBareDoor(): Promise<Door & Loaded & { stop(): Promise<void> }> {
  let key = "";
  const running = await startProcess({
    name: "bare door",
    args: [join(projectFolder, "dist/bench/support/bare-door-main.js")],
    core: cores.server,
    portIn: (output) => {
      const line = /\{"port":\d+,"key":"[^"]+"\}/.exec(output)?.[0];
      if (line === undefined) return undefined;
      const said = JSON.parse(line) as { readonly port: number; readonly key: string };
      key = said.key;
      return said.port;
    },
  });
  const { port } = running;
  return { running, port, headers: { "x-api-key": key }, stop: () => running.stop() };
}

/** 50 prompts and 50 agents; paths of one and of a list of each. */
async function makeRecords({ port, headers }: Door): Promise<readonly string[]> {
  const url = `http://127.0.0.1:${port}`;
  const make = async (path: string, body: object): Promise<string> => {
    const response = await fetch(url + path, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (response.status !== 201) throw new Error(`POST ${path} answered ${response.status}.`);
    return `${path}/${((await response.json()) as { readonly id: string }).id}`;
  };
  const text = "You are kind. ".repeat(TEXT_CHARS / 14);
  let prompt = "";
  let agent = "";
  for (let at = 0; at < RECORDS; at += 1) {
    prompt = await make("/v2/prompts", { name: `Prompt ${at}`, template: text });
    agent = await make("/v2/agents", { name: `Agent ${at}`, system_message: text });
  }
  return [prompt, `/v2/prompts?limit=${RECORDS}`, agent, `/v2/agents?limit=${RECORDS}`];
}

/** A path without what is random in it. */
function shown(path: string): string {
  return path.replace(/_[A-Za-z0-9]+$/, "_*");
}
