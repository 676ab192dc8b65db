/** Other programs: run one and take what it prints. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { osError } from "./_errno.ts";

export interface RunOptions {
  /** Environment of the program; default {@link childEnvironment} of this process. */
  env?: Record<string, string>;
  /** Where its standard error goes; default "inherit". */
  stderr?: "inherit" | "ignore";
  /** Most bytes that its output may have; default 16 MiB. */
  maxBytes?: number;
}

export interface RunResult {
  /** null where a signal ended it. */
  exitCode: number | null;
  signal: string | null;
  stdout: Uint8Array;
}

/**
 * Runs `command` (the program and its arguments, no shell) to its end; its standard input is ours. Throws OsError where it
 * cannot be started (ENOENT: no such program).
 */
export function runProgram(command: readonly string[], options: RunOptions = {}): RunResult {
  const [program, ...args] = command;
  if (program === undefined || program === "") throw new RangeError("Cannot run a program: no name given");
  const result = spawnSync(program, args, {
    stdio: ["inherit", "pipe", options.stderr ?? "inherit"],
    env: options.env ?? childEnvironment(process.env),
    maxBuffer: options.maxBytes ?? 16 * 1024 * 1024,
  });
  const code = (result.error as { code?: unknown } | undefined)?.code;
  if (result.error) throw osError(typeof code === "string" ? code : "EIO", "run", program);
  return {
    exitCode: result.status,
    signal: result.signal,
    stdout: new Uint8Array(result.stdout as Uint8Array | null ?? []),
  };
}

/** `env` without the passphrase, which is nobody else's business. */
export function childEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const child: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && name !== "BORG_PASSPHRASE" && name !== "BORG_NEW_PASSPHRASE") {
      child[name] = value;
    }
  }
  return child;
}
