/** First file of a thread that seals and opens objects. */
import { serveObjects, type ToWorker } from "../core/object/mod.ts";
import { borrowAccel, randomBytes } from "../core/platform/mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  close(): void;
};
scope.onmessage = async ({ data }) => {
  const accel = borrowAccel({ enabled: Deno.env.get("ALCOVE_ACCEL") !== "0" });
  await serveObjects(data, { accel, randomBytes });
  scope.close();
};
