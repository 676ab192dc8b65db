/** First file of a thread that walks ahead. */
import { type ToWalkWorker, walkAhead } from "../core/fs/mod.ts";
import { openAttributes, openFiles } from "../core/platform/mod.ts";

const scope = globalThis as unknown as {
  onmessage: ((event: { data: ToWalkWorker }) => void) | null;
  postMessage(message: "ready"): void;
};
const files = openFiles();
const attributes = openAttributes();
scope.onmessage = ({ data }) => walkAhead(data, files, attributes);
scope.postMessage("ready");
