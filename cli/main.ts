/**
 * Where the program starts. `--version` by itself, which front ends ask for before all else, is answered here, without
 * loading what commands need; every other command line is the business of `program.ts`.
 */
import { versionLine } from "./version.ts";

/** Prints the version where that is all that is wanted; false where the program has to run. */
function answerVersion(): boolean {
  const deno = (globalThis as { Deno?: typeof Deno }).Deno;
  if (deno?.args.length !== 1 || deno.args[0] !== "--version") return false;
  const line = new TextEncoder().encode(`${versionLine("alcove")}\n`);
  try {
    return deno.stdout.writeSync(line) === line.length;
  } catch {
    // The program knows what to say of an output that takes nothing.
    return false;
  }
}

// Node before 24 does not say; it only ever runs this file as the program.
if (import.meta.main !== false && !answerVersion()) await (await import("./program.ts")).runAndExit();
