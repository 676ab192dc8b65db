/** Runs a command to its end and tells what it took: wall and CPU seconds, peak memory (wait4's rusage, via Python). */
import { spawnSync } from "node:child_process";
import process from "node:process";

export interface Measured {
  wallSeconds: number;
  /** User and system time of the process and of all that it waited for. */
  cpuSeconds: number;
  /** Of the largest process, in units of 10^6 bytes. */
  peakMegabytes: number;
  /** Size of the repository's files afterwards; only where the command wrote to it. */
  storedBytes?: number;
}

const SCRIPT = `
import os, sys, time, json
start = time.monotonic()
pid = os.fork()
if pid == 0:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
wall = time.monotonic() - start
peak = usage.ru_maxrss * 1024 / 1e6
print(json.dumps([os.waitstatus_to_exitcode(status), wall, usage.ru_utime + usage.ru_stime, peak]))
`;

/** Throws where the command does not exit with 0. */
export function measure(
  command: readonly string[],
  options: { env?: Record<string, string>; cwd?: string } = {},
): Measured {
  const { stdout, stderr } = spawnSync("python3", ["-c", SCRIPT, ...command], {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    maxBuffer: 1 << 26,
  });
  const [code, wallSeconds, cpuSeconds, peakMegabytes] = JSON.parse(String(stdout)) as number[];
  if (code !== 0) throw new Error(`${command.join(" ")} exited with ${code}: ${String(stderr).slice(-2000)}`);
  return { wallSeconds: wallSeconds!, cpuSeconds: cpuSeconds!, peakMegabytes: peakMegabytes! };
}

/** The middle of several runs, each figure by itself. */
export function median(runs: readonly Measured[]): Measured {
  const middle = (pick: (run: Measured) => number): number => {
    const sorted = runs.map(pick).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  };
  return {
    wallSeconds: middle((run) => run.wallSeconds),
    cpuSeconds: middle((run) => run.cpuSeconds),
    peakMegabytes: middle((run) => run.peakMegabytes),
    ...(runs.every((run) => run.storedBytes !== undefined)
      ? { storedBytes: middle((run) => run.storedBytes!) }
      : {}),
  };
}
