// The front door's peer: Fastify answering GET /health and echoing JSON.

import fastify from "fastify";
import { listening, port } from "../support.mjs";

const app = fastify();
app.get("/health", async () => ({ status: "live" }));
app.post("/echo", async (request) => request.body);
await app.listen({ host: "127.0.0.1", port });
listening(app.server.address().port);
