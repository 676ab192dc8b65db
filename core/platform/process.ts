/** Other programs: run one and take what it prints. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { OsError } from "../errors.ts";
import { osError } from "./_errno.ts";

export interface RunOptions {
  /** Environment of the program; default {@link childEnvironment} of this process. */
  env?: Record<string, string>;
  /** Where its standard output goes; default: into the answer. */
  stdout?: "pipe" | "inherit";
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
  const stdio = { stdout: options.stdout ?? "pipe", stderr: options.stderr ?? "inherit" } as const;
  const env = options.env ?? childEnvironment(process.env);
  const maxBytes = options.maxBytes ?? 16 * 1024 * 1024;
  return "Deno" in globalThis
    ? runByDeno(program, args, { ...stdio, env, maxBytes })
    : runByNode(program, args, { ...stdio, env, maxBytes });
}

/** Deno's `spawnSync` hands on all of this process's environment whatever `env` says: only its own way holds passphrases back. */
function runByDeno(program: string, args: string[], options: Required<RunOptions>): RunResult {
  const { env, stdout, stderr, maxBytes } = options;
  try {
    const result = new Deno.Command(program, {
      args,
      env,
      clearEnv: true,
      stdin: "inherit",
      stdout: stdout === "pipe" ? "piped" : "inherit",
      stderr: stderr === "ignore" ? "null" : "inherit",
    }).outputSync();
    const bytes = stdout === "pipe" ? result.stdout : new Uint8Array(0);
    if (bytes.length > maxBytes) throw osError("ENOBUFS", "run", program);
    return { exitCode: result.signal === null ? result.code : null, signal: result.signal, stdout: bytes };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (error instanceof OsError || typeof code !== "string") throw error;
    throw osError(code, "run", program);
  }
}

function runByNode(program: string, args: string[], options: Required<RunOptions>): RunResult {
  const { env, stdout, stderr, maxBytes } = options;
  const result = spawnSync(program, args, { stdio: ["inherit", stdout, stderr], env, maxBuffer: maxBytes });
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
