/** `--debug-profile`: where the time goes, as the engine's sampling profiler sees it. Loaded only when it is asked for. */
import { Session } from "node:inspector";
import { encodeText } from "../core/bytes/mod.ts";
import type { CommandContext } from "./context.ts";
import { writeOutput } from "./output_file.ts";

/** A tenth of the default distance: a command is short. Microseconds. */
const SAMPLING_INTERVAL = 100;

/**
 * Starts to profile this thread (workers are not seen); the answer ends it and writes `path`, in the form of V8 (JSON: nodes,
 * samples, timeDeltas in microseconds). Throws CommandError where that cannot be written.
 */
export async function startProfile(context: CommandContext, path: string): Promise<() => Promise<void>> {
  // Better now than after hours.
  writeOutput(context, path, new Uint8Array(0), { mode: 0o666 });
  const session = new Session();
  session.connect();
  const post = (method: string, params: object = {}): Promise<{ profile?: unknown }> =>
    new Promise((resolve, reject) =>
      session.post(method, params, (error, result) => error ? reject(error) : resolve(result ?? {}))
    );
  await post("Profiler.enable");
  await post("Profiler.setSamplingInterval", { interval: SAMPLING_INTERVAL });
  await post("Profiler.start");
  return async () => {
    const { profile } = await post("Profiler.stop");
    session.disconnect();
    writeOutput(context, path, encodeText(JSON.stringify(profile)), { mode: 0o666 });
  };
}
