// What all peers share: the same supervisor and sub-agents as prompts, and where to listen and call.

export const port = Number(process.env.PEER_PORT ?? "0");
export const providerUrl = process.env.PEER_PROVIDER ?? "http://127.0.0.1:9999/v1";
export const dataFolder = process.env.PEER_DATA ?? ".";
export const model = "fake-fast";
export const supervisorPrompt =
  "You route questions to the right sub-agent: 'docs' for product knowledge, 'billing' for " +
  "invoices and refunds, 'technical' for errors and outages. Use small talk only for greetings.";
export const agents = {
  docs: "Routes when the user asks about product behavior, features, or setup.",
  billing: "Routes when the user asks about invoices, charges, refunds or plans.",
  technical: "Routes when something fails, is slow or shows an error.",
};
export const names = Object.keys(agents);
export const subPrompt = (name) =>
  `You are the ${name} agent of a support desk. ${agents[name]} Goal: inform. ` +
  "Answer in one professional paragraph, in the user's language.";
export const triggers = names.map((name) => `${name}: ${agents[name]}`).join("\n");

/** Tells the bench that the peer listens. */
export function listening(at) {
  process.stdout.write(`${JSON.stringify({ port: at })}\n`);
}

/** A Fastify server with POST /chat {session, message, stream?}: `whole` answers, `stream` yields. */
export async function serve({ fastify, whole, stream }) {
  const app = fastify();
  app.post("/chat", async (request, reply) => {
    const { session, message, stream: wantsStream } = request.body;
    if (!wantsStream) return { response: await whole(session, message), conversation: session };
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream" });
    for await (const text of stream(session, message)) {
      reply.raw.write(`data: ${JSON.stringify({ text })}\n\n`);
    }
    reply.raw.end("data: [DONE]\n\n");
  });
  await app.listen({ host: "127.0.0.1", port });
  listening(app.server.address().port);
}
