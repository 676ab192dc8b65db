/**
 * The program on a big-endian machine: `deno run -A scripts/big_endian.ts DIR` puts into DIR a bundle for Node 20 and a Node
 * for s390x, and prints the command that runs the program under QEMU. Needs Debian's qemu-user-static, libc6-s390x-cross and
 * libstdc++6-s390x-cross, and npm.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const QEMU = "qemu-s390x-static";
const LIBRARIES = "/usr/s390x-linux-gnu";
const NODE = "node-linux-s390x@20.11.0";
/** Lowers what Node 20 does not know yet (`await using`). */
const ESBUILD = "esbuild@0.25.0";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(command: string, args: readonly string[], cwd = root): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, env: { ...process.env, NO_COLOR: "1" } });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error ?? stderr}`);
}

/** What is missing for it, null where nothing is. */
export function missingForBigEndian(): string | null {
  if (spawnSync("sh", ["-c", `command -v ${QEMU} npm npx`]).status !== 0) return `${QEMU} or npm`;
  return fs.existsSync(join(LIBRARIES, "lib")) ? null : "the s390x libraries (libc6-s390x-cross)";
}

/** Prepares `folder`; answers the words of the command that runs the program. */
export function prepareBigEndian(folder: string): string[] {
  fs.mkdirSync(folder, { recursive: true });
  run(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--platform",
    "deno",
    "--outdir",
    folder,
    join(root, "cli/main.ts"),
  ]);
  const bundle = join(folder, "main.mjs");
  const options = [
    "--format=esm",
    "--platform=node",
    "--target=node20",
    "--log-level=error",
    `--outfile=${bundle}`,
  ];
  run("npx", ["--yes", ESBUILD, join(folder, "main.js"), ...options], folder);
  run("npm", ["pack", "--silent", NODE], folder);
  run("sh", ["-c", "tar xzf node-linux-s390x-*.tgz"], folder);
  return [QEMU, "-L", LIBRARIES, join(folder, "package/bin/node"), "--stack-size=4000", bundle];
}

if (import.meta.main) {
  const missing = missingForBigEndian();
  if (missing !== null) throw new Error(`Cannot run on a big-endian machine: ${missing} is missing`);
  console.log(prepareBigEndian(Deno.args[0] ?? fs.mkdtempSync(join(tmpdir(), "alcove-s390x-"))).join(" "));
}
