/**
 * The interpreter in which borg's own modules can be imported, as an oracle for kernels: the one that the `borg` on PATH
 * runs under. In CI it must be there; elsewhere a test prints a notice and is skipped.
 */
import { delimiter, join } from "node:path";

function findBorgPython(): string | null {
  for (const folder of (Deno.env.get("PATH") ?? "").split(delimiter)) {
    try {
      const firstLine = Deno.readTextFileSync(join(folder, "borg")).split("\n", 1)[0]!;
      const python = /^#!\s*(\S*python\S*)/.exec(firstLine)?.[1];
      if (python && runPython(python, "import borg.chunker, borg.hashindex", []) !== null) return python;
    } catch {
      // Not in this folder, or nothing that can be read as text: the next one.
    }
  }
  return null;
}

function runPython(python: string, code: string, args: readonly string[]): string | null {
  const { success, stdout } = new Deno.Command(python, {
    args: ["-c", code, ...args],
    stdout: "piped",
    stderr: "inherit",
  }).outputSync();
  return success ? new TextDecoder().decode(stdout) : null;
}

const found = findBorgPython();
if (!found) console.log("notice: no borg with readable Python modules on PATH, its comparisons are skipped");

/** For `ignore` of tests that need the oracle: never true in CI, where its absence is a failure. */
export const noBorgPython = !found && !Deno.env.get("CI");

/** What `code` prints; throws where it fails. */
export function borgPython(code: string, ...args: readonly string[]): string {
  if (!found) throw new Error("borg's Python modules are needed here and are not installed");
  const text = runPython(found, code, args);
  if (text === null) throw new Error("borg's Python modules failed");
  return text;
}
