/** First file of a sealing thread: connects its messages to the room `object`. */
import { type FromWorker, SealServer, type ToWorker } from "../core/object/mod.ts";
import { borrowAccel, randomBytes } from "../core/platform/mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
};
const server = new SealServer((message) => scope.postMessage(message), {
  accel: borrowAccel({ enabled: Deno.env.get("ALCOVE_ACCEL") !== "0" }),
  randomBytes,
});
scope.onmessage = ({ data }) => void server.handle(data);
