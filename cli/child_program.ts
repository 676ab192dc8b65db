/** Programs that we start: whether they are there, and ending those whose output nobody needs any more. */
import { programExists } from "../core/platform/mod.ts";
import { commandError } from "./values.ts";

/** How long it may take to tidy up when it is told to end. */
const END_WAIT_MS = 1000;

/** Resolves when it has ended. */
export async function endChild(child: Deno.ChildProcess): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  killChild(child, "SIGTERM");
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, END_WAIT_MS));
  await Promise.race([child.status, late]);
  clearTimeout(timer);
  killChild(child, "SIGKILL");
  await child.status;
}

/** It may have ended already. */
export function killChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}

/** Throws CommandError where the command's program is not there: a shell would say it in its own words. */
export function requireProgram(
  context: { env(name: string): string | undefined },
  command: readonly string[],
): void {
  const name = command[0] ?? "";
  if (!programExists(name, context.env("PATH"))) {
    throw commandError(`Cannot run the command: there is no program '${name}'`);
  }
}
