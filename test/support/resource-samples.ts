// Samples of every kind of resource, for the tests that all kinds have to pass
// (test/http/resources/kinds.test.ts). A new kind is tested by its line here.

import type { Resources } from "../../adapters/http/resources/kinds.ts";
import type { HttpHost } from "./http-host.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What a kind's tests begin with. Every body has a `name`. */
export interface ResourceSample {
  /** Whole records, different from each other. */
  readonly one: Fields;
  readonly other: Fields;
  /** A merge patch of `one` that changes it, and what the fields are then. */
  readonly patch: Fields;
  readonly patched: Fields;
  /** Whole records that are refused with 400, and where. */
  readonly refused: readonly { readonly body: Fields; readonly pointer: string }[];
}

/** Makes the sample of a kind; what its records name is made before, through the door. */
export type SampleMaker = (host: HttpHost) => Promise<ResourceSample>;

/** A line for each kind. */
export const resourceSamples: Readonly<Record<keyof Resources["kinds"], SampleMaker>> = {
  teams: async (host) => {
    const make = async (name: string): Promise<string> =>
      (await host.call("POST", "/v2/agents", { name })).body.agent_key;
    const [ann, ben] = [await make("Ann"), await make("Ben")];
    const one = { name: "Desk", mode: "coordinate", members: [{ agent: ann }, { agent: ben }] };
    return {
      one,
      other: {
        name: "Board",
        description: "Decides.",
        mode: "supervisor",
        leader: ann,
        members: [{ agent: ben, name: "Ben", role: "finds facts" }],
        on_member_failure: "substitute",
        substitute: ann,
        max_parallel: 2,
      },
      patch: { max_rounds: 3, stop: { phrase: "DONE" } },
      patched: { ...one, max_rounds: 3, stop: { phrase: "DONE" } },
      refused: [
        { body: { ...one, mode: "chat" }, pointer: "/mode" },
        { body: { ...one, members: [] }, pointer: "/members" },
        { body: { ...one, mode: "supervisor" }, pointer: "/leader" },
        { body: { ...one, members: [{ agent: "ag_none" }] }, pointer: "/members/0/agent" },
        { body: { ...one, members: [{ agent: ann, as: "x" }] }, pointer: "/members/0/as" },
        { body: { ...one, max_rounds: 0 }, pointer: "/max_rounds" },
      ],
    };
  },
  channels: async (host) => {
    const make = async (name: string): Promise<string> =>
      (await host.call("POST", "/v2/agents", { name })).body.agent_key;
    const [ann, ben] = [await make("Ann"), await make("Ben")];
    const settings = { api_url: "http://127.0.0.1:9/messages" };
    const one = { name: "Door", kind: "quiet", agent: ann, settings };
    const hours = { time_zone: "Europe/Vienna", open: ["mon-fri 09:00-17:30"] };
    const hoursOf = (more: Fields) => ({ ...one, business_hours: { ...hours, ...more } });
    return {
      one,
      other: { ...one, name: "Second", agent: ben, agents: { ann }, rooms: "all" },
      patch: { allow: ["u1"], business_hours: hours },
      patched: { ...one, allow: ["u1"], business_hours: hours },
      refused: [
        { body: { ...one, kind: "nowhere" }, pointer: "/kind" },
        { body: { ...one, agent: "ag_none" }, pointer: "/agent" },
        { body: { ...one, agents: { ann: "ag_none" } }, pointer: "/agents/ann" },
        { body: { ...one, settings: { ...settings, colour: "red" } }, pointer: "/settings/colour" },
        { body: { ...one, settings: {} }, pointer: "/settings/api_url" },
        { body: { ...one, secrets: { other: "any" } }, pointer: "/secrets/other" },
        { body: { ...one, middleware: ["none"] }, pointer: "/middleware/0" },
        { body: hoursOf({ open: ["someday 1-2"] }), pointer: "/business_hours/open/0" },
        { body: hoursOf({ time_zone: "Mars/Base" }), pointer: "/business_hours/time_zone" },
      ],
    };
  },
  engines: async (host) => {
    const common = { name: "Desk", type: "http", config: { url: "https://desk.example/" } };
    const target = (await host.call("POST", "/v2/targets", common)).body.id;
    const word = { type: "string", pattern: "^[a-z]+$" };
    const tool = { name: "look", description: "Looks.", argv: ["ls", { arg: "at" }] };
    const command = { ...tool, arguments: { at: word }, required: ["at"] };
    const one = { name: "Ops", type: "direct_ops", config: { commands: [command] } };
    const commandOf = (more: Fields) => ({
      ...one,
      config: { commands: [{ ...command, ...more }] },
    });
    const twice = { ...one, config: { commands: [command, command] } };
    return {
      one,
      other: { ...commandOf({ repeat: "safe", output: "json" }), name: "Ops two", target },
      patch: { description: "Commands.", granted_to: ["tn_other"] },
      patched: { ...one, description: "Commands.", granted_to: ["tn_other"] },
      refused: [
        { body: { ...one, type: "magic" }, pointer: "/type" },
        { body: { ...one, target: "tg_none" }, pointer: "/target" },
        { body: { ...one, granted_to: ["everybody"] }, pointer: "/granted_to/0" },
        { body: { ...one, secrets: { TROUPE_KEY: "x" } }, pointer: "/secrets" },
        { body: { ...one, secrets: { TOKEN: "***" } }, pointer: "/secrets/TOKEN" },
        { body: { ...one, config: {} }, pointer: "/config/commands" },
        { body: twice, pointer: "/config/commands/1/name" },
        { body: commandOf({ argv: [{ arg: "at" }] }), pointer: "/config/commands/0/argv/0" },
        {
          body: commandOf({ argv: ["ls", { arg: "of" }] }),
          pointer: "/config/commands/0/argv/1/arg",
        },
        { body: commandOf({ folder: "../up" }), pointer: "/config/commands/0/folder" },
      ],
    };
  },
  targets: async () => {
    const one = { name: "Desk", type: "http", config: { url: "https://desk.example/api" } };
    const machine = { name: "Here", type: "local", config: { folder: "/srv/work" } };
    const known_hosts = "build.example ssh-ed25519 AAAA";
    const far = {
      ...{ name: "Far", type: "ssh", secrets: { private_key: "-----BEGIN X PRIVATE KEY-----\n" } },
      config: { host: "build.example", user: "ci", known_hosts },
    };
    const farOf = (more: Fields) => ({ ...far, config: { ...far.config, ...more } });
    const urlOf = (url: string) => ({ ...one, config: { url } });
    return {
      one,
      other: { ...one, name: "Mind", type: "managed_agent", description: "Answers." },
      patch: { is_active: false },
      patched: { ...one, is_active: false },
      refused: [
        { body: { ...one, type: "cloud" }, pointer: "/type" },
        { body: { ...one, shell: true }, pointer: "/shell" },
        { body: urlOf("ftp://desk.example"), pointer: "/config/url" },
        { body: urlOf("https://me@desk.example"), pointer: "/config/url" },
        { body: { ...one, secrets: { private_key: "x" } }, pointer: "/secrets/private_key" },
        { body: { ...machine, config: {} }, pointer: "/config/folder" },
        { body: { ...machine, config: { folder: "work" } }, pointer: "/config/folder" },
        {
          body: { ...machine, config: { folder: "/srv", env: ["HOME", "TROUPE_ADMIN_KEY"] } },
          pointer: "/config/env/1",
        },
        { body: { ...far, secrets: { private_key: "x" } }, pointer: "/secrets/private_key" },
        { body: farOf({ known_hosts: undefined }), pointer: "/config/known_hosts" },
        { body: farOf({ host: "-oProxyCommand=x" }), pointer: "/config/host" },
        { body: farOf({ user: "-l" }), pointer: "/config/user" },
      ],
    };
  },
  triggers: async (host) => {
    const made = await host.call("POST", "/v2/agents", { name: "Ann" });
    const common = { target: made.body.agent_key, type: "schedule" };
    const one = { ...common, name: "Hourly", cron: "0 * * * *" };
    const hook = { name: "Hook", target: made.body.agent_key, type: "webhook" };
    const header = { signature_header: "X-Hub-Signature-256" };
    const { target } = hook;
    const event = { name: "After", target, type: "event" };
    const on = (what: string, of: string, more: Fields = {}) => ({
      body: { ...event, on: { what, of, ...more } },
    });
    return {
      one,
      other: { ...common, name: "Once", at: "2031-01-01T00:00:00Z", missed: "skip" },
      patch: { time_zone: "Europe/Berlin", is_active: false },
      patched: { ...one, time_zone: "Europe/Berlin", is_active: false },
      refused: [
        { body: { ...one, target: "ag_none" }, pointer: "/target" },
        { body: { ...one, type: "sometimes" }, pointer: "/type" },
        { body: { ...one, cron: "0 * * *" }, pointer: "/cron" },
        { body: { ...one, cron: "0 0 31 2 *" }, pointer: "/cron" },
        { body: { ...one, every: 60 }, pointer: "/every" },
        { body: { ...one, cron: undefined }, pointer: "/cron" },
        { body: { ...one, time_zone: "Mars/Base" }, pointer: "/time_zone" },
        { body: { ...one, type: "startup" }, pointer: "/cron" },
        { body: { ...one, from: "2031-01-01T00:00:00Z" }, pointer: "/from" },
        { body: { ...one, secrets: { signing: "x" } }, pointer: "/secrets" },
        { body: hook, pointer: "/secrets/signing" },
        { body: { ...hook, secrets: { signing: "***" } }, pointer: "/secrets/signing" },
        { body: { ...hook, secrets: { signing: "whsec_x" } }, pointer: "/secrets/signing" },
        { body: { ...hook, ...header, secrets: { signing: "x" } }, pointer: "/secrets/signing" },
        { body: { ...hook, missed: "all" }, pointer: "/missed" },
        { body: event, pointer: "/on" },
        { ...on("run", target), pointer: "/on/of" },
        { ...on("run", "ag_none"), pointer: "/on/of" },
        { ...on("document", target), pointer: "/on/of" },
        { ...on("channel_message", "ch_none", { outcome: ["failed"] }), pointer: "/on/outcome" },
        { ...on("rain", "ag_none"), pointer: "/on/what" },
        { body: { ...event, type: "file_change" }, pointer: "/path" },
        { body: { ...event, type: "file_change", path: "desk/in" }, pointer: "/path" },
        { body: { ...event, settle: 5 }, pointer: "/settle" },
        { body: { ...common, name: "Leap", at: "2035-12-31T23:59:60Z" }, pointer: "/at" },
        {
          body: { ...common, name: "Leap", every: 60, from: "2016-12-31T23:59:60Z" },
          pointer: "/from",
        },
      ],
    };
  },
  prompts: async () => ({
    one: { name: "Greeting", template: "Hello!", description: "Says hello." },
    other: {
      name: "Farewell",
      template: "Bye, {{who}}!",
      variables: [{ name: "who", type: "string" }],
    },
    patch: { template: "Hi!", description: null },
    patched: { name: "Greeting", template: "Hi!", description: null },
    refused: [
      { body: { name: "", template: "x" }, pointer: "/name" },
      { body: { name: "A" }, pointer: "/template" },
      {
        body: { name: "A", template: "x", variables: [{ name: "1", type: "string" }] },
        pointer: "/variables/0/name",
      },
    ],
  }),
  workflows: async () => {
    const end = { id: "end", type: "end" };
    const graph = (...nodes: readonly Fields[]): Fields => ({
      nodes: [...nodes, end],
      edges: nodes.map(({ id }, at) => ({ from: id, to: nodes[at + 1]?.["id"] ?? "end" })),
    });
    const one = { name: "Nap", graph_definition: graph({ id: "nap", type: "sleep", ms: 1_000 }) };
    const wrong = (node: Fields) => ({ ...one, graph_definition: graph(node) });
    return {
      one,
      other: {
        name: "Twice",
        graph_definition: graph({ id: "double", type: "set", value: "input.n * 2", save: "n" }),
        state_schema: { properties: { n: { type: "integer" } } },
        input_schema: { type: "object", required: ["n"] },
        output: "n",
      },
      patch: { output: "1 + 1", description: "Sleeps." },
      patched: { ...one, output: "1 + 1", description: "Sleeps." },
      refused: [
        { body: { ...one, graph_definition: {} }, pointer: "/graph_definition/nodes" },
        { body: { ...one, entry_node: "no" }, pointer: "/entry_node" },
        { body: { ...one, output: "1 +" }, pointer: "/output" },
        {
          body: { ...one, state_schema: { properties: { n: { type: "integer", default: "x" } } } },
          pointer: "/state_schema/properties/n/default",
        },
        {
          body: wrong({ id: "a", type: "agent", ref: "ag_none" }),
          pointer: "/graph_definition/nodes/0/ref",
        },
        {
          body: wrong({ id: "a", type: "sub_agent", ref: "sa_1" }),
          pointer: "/graph_definition/nodes/0/type",
        },
      ],
    };
  },
  datasets: async () => ({
    one: { name: "Questions", description: "What people ask.", tags: ["support"] },
    other: { name: "Greetings" },
    patch: { tags: ["desk"], description: null },
    patched: { name: "Questions", tags: ["desk"], description: null },
    refused: [
      { body: { name: "" }, pointer: "/name" },
      { body: { name: "A", tags: [""] }, pointer: "/tags/0" },
      { body: { name: "A", items: [] }, pointer: "/items" },
    ],
  }),
  tools: async () => ({
    one: {
      name: "orders",
      type: "http_request",
      description: "Looks up an order.",
      config: { url: "https://api.example.com/orders/{id}" },
      rate: { calls: 5, per_seconds: 60 },
    },
    other: { name: "sums", type: "calculator", result_chars: 500 },
    patch: { rate: { calls: 6 }, description: null, timeout_ms: 5_000 },
    patched: {
      ...{ name: "orders", type: "http_request", description: null, timeout_ms: 5_000 },
      rate: { calls: 6, per_seconds: 60 },
    },
    refused: [
      { body: { name: "no name", type: "calculator" }, pointer: "/name" },
      { body: { name: "a", type: "launch" }, pointer: "/type" },
      {
        body: { name: "a", type: "http_request", config: { url: "ftp://a.b" } },
        pointer: "/config/url",
      },
      { body: { name: "a", type: "delegate" }, pointer: "/config/agent" },
      { body: { name: "a", type: "calculator", timeout_ms: 0 }, pointer: "/timeout_ms" },
    ],
  }),
};
