/** Ending a program that we started and whose output nobody needs any more. */

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
