/** What a report of a fault should say of the machine and the program. BORG_SHOW_SYSINFO=no keeps it to itself. */
import os from "node:os";
import process from "node:process";
import { borrowAccel } from "../core/platform/mod.ts";
import { BORG_VERSION, VERSION } from "./version.ts";

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** Lines in borg's order, each with its end; nothing where the environment forbids it. */
export function systemInformation(
  env: (name: string) => string | undefined,
  argv: readonly string[],
): string {
  if (env("BORG_SHOW_SYSINFO")?.toLowerCase() === "no") return "";
  const ssh = env("SSH_ORIGINAL_COMMAND");
  const deno = (globalThis as { Deno?: { version: { deno: string } } }).Deno;
  const runtime = deno ? `Deno: ${deno.version.deno}` : `Node: ${process.versions.node}`;
  const libraries = env("ALCOVE_ACCEL") === "0" ? null : borrowAccel();
  return [
    `Platform: ${os.type()} ${os.hostname()} ${os.release()} ${os.version()} ${process.arch}`,
    `Borg: ${BORG_VERSION}  Alcove: ${VERSION}  ${runtime}  V8: ${process.versions.v8}`,
    `Borrowed libraries: ${libraries?.description ?? "none"}`,
    `PID: ${process.pid}  CWD: ${process.cwd()}`,
    `sys.argv: [${argv.map(quoted).join(", ")}]`,
    `SSH_ORIGINAL_COMMAND: ${ssh === undefined ? "None" : quoted(ssh)}`,
    "",
  ].join("\n");
}
