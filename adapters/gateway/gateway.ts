// A gateway as a program of its own, or inside another one: channels, and who answers them. It keeps nothing that
// it could lose: sessions, repeats and outbox are the server's, which runs in this process or elsewhere.
//
//   const gateway = new Gateway({ name: "support", provider: "anthropic", systemPrompt: "..." }, { sessionTtl: 7200 });
//   gateway.addChannel(slack({ botToken: "...", signingSecret: "..." }));
//   await gateway.start({ host: "0.0.0.0", port: 8080 });

import { createServer, type Server } from "node:http";
import { basename, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import { claimLimits } from "../channels/claims.ts";
import { type ApiClient, createApiClient } from "../cli/api-client.ts";
import { type Applied, apply, nameOf } from "./apply.ts";
import { Claim } from "./claim.ts";
import { Forwarder } from "./forward.ts";
import { listenerOf } from "./http.ts";
import type { LocalServer } from "./local.ts";
import { baseOf, type Mountable, mountInto } from "./mount.ts";
import {
  type GatewayAgent,
  type GatewayChannel,
  type GatewaySettings,
  gatewayLimits,
} from "./options.ts";

/** Where platforms reach the channels. */
export interface ChannelUrl {
  readonly name: string;
  readonly kind: string;
  /** Path below the server or the mount: "/gateway/slack". */
  readonly path: string;
  /** The same as the server writes it, which never changes: "/gateway/slack/ch_...". */
  readonly lasting: string;
}

/** Default prefix. */
const PREFIX = "/gateway";
/** So long a server has to hear that it ends, ms. */
const WITHDRAW_MS = 2_000;
/** Characters of the name that it has when it is given none. */
const NAME_CHARS = 100;

/** A gateway. */
export class Gateway {
  readonly #agent: GatewayAgent;
  #settings: GatewaySettings;
  #channels: readonly GatewayChannel[] = [];
  readonly #folder: string;
  #local: LocalServer | null = null;
  #api: ApiClient | null = null;
  #forwarder: Forwarder | null = null;
  #applied: readonly Applied[] = [];
  #server: Server | null = null;
  #prefix = PREFIX;
  #connecting: Promise<void> | null = null;
  #applying: Promise<unknown> = Promise.resolve();
  #claim: Claim | null = null;
  #saying: NodeJS.Timeout | undefined;

  /** @param folder that paths are relative to. Default: the working folder. */
  constructor(agent: GatewayAgent, settings: GatewaySettings = {}, folder = process.cwd()) {
    this.#agent = agent;
    this.#settings = settings;
    this.#folder = folder;
  }

  /** Adds a channel; one that runs has it when `start` or `apply` resolves next. */
  addChannel(channel: GatewayChannel): this {
    this.#channels = [...this.#channels, channel];
    return this;
  }

  /** Where platforms reach its channels; [] before it is started or mounted. */
  urls(): readonly ChannelUrl[] {
    return this.#applied.map(({ name, kind, id }) => ({
      ...{ name, kind },
      path: `${this.#prefix}/${name}`,
      lasting: `${this.#prefix}/${kind}/${id}`,
    }));
  }

  /**
   * Listens. @returns the address. @throws CONFIG_INVALID for a port that is taken, and what the server says of the
   * agent and the channels.
   */
  async start({
    host = "127.0.0.1",
    port = 8080,
  }: {
    host?: string;
    port?: number;
  } = {}): Promise<string> {
    await this.connect();
    const forwarder = this.#forwarderOrThrow();
    const server = createServer(
      {
        headersTimeout: gatewayLimits.headMs,
        requestTimeout: gatewayLimits.bodyMs,
        connectionsCheckingInterval: gatewayLimits.lookMs,
      },
      listenerOf(forwarder, PREFIX),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        const text = `${host}:${port} cannot be listened on: ${error.code ?? error.message}.`;
        reject(new RuntimeError("CONFIG_INVALID", text));
      });
      server.listen(port, host, resolve);
    });
    this.#server = server;
    const address = server.address();
    const bound = typeof address === "object" && address !== null ? address.port : port;
    return `http://${host.includes(":") ? `[${host}]` : host}:${bound}`;
  }

  /** Puts its channels below a prefix of an application; resolves when they are there. */
  async mount(
    app: Mountable,
    { prefix = PREFIX }: { readonly prefix?: string } = {},
  ): Promise<void> {
    this.#forwarder ??= new Forwarder();
    this.#prefix = baseOf(prefix);
    mountInto(app, prefix, this.#forwarder);
    await this.connect();
  }

  /** Takes other channels and settings in place of those it has: sessions go on. @throws as `start`; those it has stay. */
  async apply(
    channels: readonly GatewayChannel[],
    settings: Pick<GatewaySettings, "sessionTtl"> = this.#settings,
  ): Promise<void> {
    const applying = this.#applying.then(() => this.#apply(channels, settings));
    this.#applying = applying.catch(() => undefined);
    await applying;
  }

  /** The server that has its sessions. @throws INVALID before it is started. */
  get api(): ApiClient {
    if (this.#api !== null) return this.#api;
    throw new RuntimeError("INVALID", "The gateway is not started.");
  }

  /** Stops listening, and the server inside; what is under way goes on with the next start. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server !== null) {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await Promise.race([closed, pause(gatewayLimits.headMs, undefined, { ref: false })]);
      server.closeAllConnections();
    }
    await this.#disconnect();
  }

  #forwarderOrThrow(): Forwarder {
    this.#forwarder ??= new Forwarder();
    return this.#forwarder;
  }

  /** Its channels at the server. */
  channels(): readonly Applied[] {
    return this.#applied;
  }

  /** Has the server know the agent and the channels, without listening. Once, however often it is asked for. */
  connect(): Promise<void> {
    this.#connecting ??= this.#connectOnce().catch(async (error: unknown) => {
      // The next try begins anew: the server may be there then.
      await this.#disconnect();
      throw error;
    });
    return this.#connecting;
  }

  async #disconnect(): Promise<void> {
    clearInterval(this.#saying);
    const left = pause(WITHDRAW_MS, undefined, { ref: false });
    await Promise.race([this.#claim?.withdraw(), left]);
    this.#claim = null;
    this.#forwarder?.close();
    const local = this.#local;
    this.#local = null;
    this.#api = null;
    await local?.stop();
    this.#connecting = null;
  }

  async #connectOnce(): Promise<void> {
    const agent = this.#agent;
    if ("server" in agent) {
      const { url, key, tenant } = agent.server;
      this.#api = createApiClient({ url: url.replace(/\/+$/, ""), key, tenant });
      this.#forwarderOrThrow().point(url);
    } else {
      const { startLocal } = await import("./local.ts");
      this.#local = await startLocal(agent, this.#settings, this.#folder);
      this.#api = this.#local.api;
      this.#forwarderOrThrow().point(this.#local.url);
    }
    const isAlone = this.#local !== null;
    this.#claim = new Claim(this.#api, { name: this.#name(), isAlone });
    await this.apply(this.#channels);
    this.#saying = setInterval(() => void this.#saySo(), claimLimits.everyMs);
    this.#saying.unref();
  }

  #name(): string {
    const { name } = this.#settings;
    if (name !== undefined) return name;
    const agent = "server" in this.#agent ? this.#agent.agent : this.#agent.name;
    return `${basename(resolve(this.#folder))}/${agent}`.slice(0, NAME_CHARS);
  }

  /** That it runs; a server that did not know has its channels told once more. */
  async #saySo(): Promise<void> {
    const { known } = (await this.#claim?.say(this.#names()).catch(() => null)) ?? { known: true };
    if (known || this.#claim === null) return;
    await this.apply(this.#channels).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#settings.log?.("error", `the channels could not be told to the server again: ${why}`);
    });
  }

  #names(): readonly string[] {
    return this.#applied.map(({ name }) => name);
  }

  async #apply(
    channels: readonly GatewayChannel[],
    settings: Pick<GatewaySettings, "sessionTtl">,
  ): Promise<void> {
    const next = channels.map(nameOf);
    // Named before they are made, and those before until they are: nobody else switches them off meanwhile.
    const both = [...new Set([...next, ...this.#names()])].slice(0, claimLimits.channels);
    const { gateways = [] } = (await this.#claim?.say(both)) ?? {};
    const of = { ...settings, name: this.#name(), others: gateways };
    this.#applied = await apply(this.api, this.#agent, channels, of);
    await this.#claim?.say(this.#names());
    this.#channels = channels;
    this.#settings = { ...this.#settings, ...settings };
    this.#forwarder?.set(this.#applied);
  }
}
