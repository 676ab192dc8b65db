/**
 * The program on Linux on arm64: `deno run -A scripts/arm64.ts` fetches the runtime for it from npm and prints the command
 * that stands for `deno` under QEMU. Needs Debian's qemu-user-static, libc6-arm64-cross and libgcc-s1-arm64-cross, and npm.
 */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const QEMU = "qemu-aarch64-static";
const LIBRARIES = "/usr/aarch64-linux-gnu";
const VERSION = "2.9.6";
const RUNTIME = `@deno/linux-arm64-glibc@${VERSION}`;

/** Runs under QEMU: what the command starts under the name of its own runtime does not, so children fail. */
export interface Emulated {
  /** The words that stand for `deno`. */
  command: string[];
  /** Environment that keeps its caches out of those of this machine's runtime. */
  env: Record<string, string>;
}

/** What is missing for it, null where nothing is. */
export function missingForArm64(): string | null {
  for (const program of [QEMU, "npm"]) {
    if (spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0) return program;
  }
  for (const [library, name] of [["libc.so.6", "libc6"], ["libgcc_s.so.1", "libgcc-s1"]] as const) {
    if (!fs.existsSync(join(LIBRARIES, "lib", library))) return `${library} for arm64 (${name}-arm64-cross)`;
  }
  return null;
}

/** Throws Error where npm does not bring the runtime. It is kept in the temporary folder for the next time. */
export function prepareArm64(cache = join(tmpdir(), `alcove-arm64-${VERSION}`)): Emulated {
  const deno = join(cache, "package/deno");
  if (!fs.existsSync(deno)) {
    fs.mkdirSync(cache, { recursive: true });
    // Unpacked aside and then moved: of several that come here at once each finds all or nothing.
    const aside = fs.mkdtempSync(join(cache, "new-"));
    try {
      run("npm", ["pack", "--silent", RUNTIME], aside);
      run("sh", ["-c", "tar xzf *.tgz"], aside);
      if (!fs.existsSync(deno)) fs.renameSync(join(aside, "package"), join(cache, "package"));
    } finally {
      fs.rmSync(aside, { recursive: true });
    }
  }
  return {
    command: [QEMU, "-L", LIBRARIES, deno],
    env: { DENO_DIR: join(cache, "deno"), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  };
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, env: process.env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error ?? stderr}`);
}

if (import.meta.main) {
  const missing = missingForArm64();
  if (missing !== null) throw new Error(`Cannot run on arm64: ${missing} is missing`);
  const { command, env } = prepareArm64();
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  console.log(["env", ...settings, ...command].join(" "));
}
