import { parentPort } from "node:worker_threads";
import { expose } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";

expose({ answer: (value) => value + 1 }, nodeEndpoint(parentPort));
