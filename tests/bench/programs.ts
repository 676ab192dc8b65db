/**
 * The programs that are compared, as command lines. borg and Alcove take the same ones; restic has one kind of encryption
 * and its own compression, and takes part where it offers the same work.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { bundle } from "../../scripts/_bundle.ts";

/** What is done; `null` from {@link Program.command}: the program has nothing like it. */
export type Work =
  | { do: "init"; encryption: string }
  | { do: "create"; archive: string; source: string; compression: string; timestamp?: string }
  | { do: "extract"; target: string }
  | { do: "list" | "info" | "check" | "verify" | "info-archive" | "diff" | "export-tar" | "delete" | "prune" }
  | { do: "recreate"; compression: string };

/** Name of the archive that is extracted and listed. */
export const FIRST = "first";
/** Name of the one that is made when some files have changed; it is deleted. */
export const CHANGED = "changed";

export interface Program {
  readonly name: string;
  /** How it is started. */
  readonly start: readonly string[];
  /** Null where it is not installed. */
  readonly version: string | null;
  /** Variables besides those of {@link environment}. */
  readonly env: Record<string, string>;
  command(work: Work, repository: string, home: string): string[] | null;
}

/** Variables for all programs: every cache, key and temporary file stays in `home`. */
export function environment(program: Program, home: string): Record<string, string> {
  return { ...program.env, BORG_BASE_DIR: home, TMPDIR: home };
}

function versionOf(command: readonly string[], pattern: RegExp): string | null {
  const { stdout, error } = spawnSync(command[0]!, command.slice(1), { encoding: "utf8" });
  return error ? null : pattern.exec(stdout)?.[1] ?? null;
}

const BORG_ENV = {
  BORG_PASSPHRASE: "bench",
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
  BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
};

function borgCommand(work: Work, repository: string): string[] {
  switch (work.do) {
    case "init":
      return ["init", "-e", work.encryption, repository];
    case "create":
      return [
        "create",
        ...(work.timestamp === undefined ? [] : ["--timestamp", work.timestamp]),
        "-C",
        work.compression,
        `${repository}::${work.archive}`,
        work.source,
      ];
    case "extract":
    case "list":
      return [work.do, `${repository}::${FIRST}`];
    case "info-archive":
      return ["info", `${repository}::${FIRST}`];
    case "diff":
      return ["diff", `${repository}::${FIRST}`, CHANGED];
    case "export-tar":
      return ["export-tar", `${repository}::${FIRST}`, "-"];
    case "recreate":
      return ["recreate", "--recompress", "-C", work.compression, `${repository}::${FIRST}`];
    case "delete":
      return ["delete", `${repository}::${CHANGED}`];
    case "prune":
      return ["prune", "--list", "--keep-daily", "7", "--keep-weekly", "4", repository];
    case "verify":
      return ["check", "--verify-data", repository];
    default:
      return [work.do, repository];
  }
}

function resticCommand(work: Work): string[] | null {
  switch (work.do) {
    case "init":
      return ["init"];
    case "create":
      return ["backup", "--tag", work.archive, work.source];
    case "extract":
      return ["restore", "latest", "--tag", FIRST, "--target", work.target];
    case "list":
      return ["ls", "--tag", FIRST, "latest"];
    case "verify":
      return ["check", "--read-data"];
    default:
      return null;
  }
}

const MAIN = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/**
 * How to start the program as a release has it: bundled, by the runtime that runs this. `folder` is the bundle's, and the
 * caller's to remove.
 */
export function bundledAlcove(): { command: string[]; folder: string } {
  const { folder, main } = bundle(MAIN);
  const options = ["-A", "--no-prompt", "--v8-flags=--max-semi-space-size=4"];
  return { command: [Deno.execPath(), "run", ...options, join(folder, main)], folder };
}

/** `alcove`: how to start it. */
export function allPrograms(alcove: readonly string[]): Program[] {
  return [
    {
      name: "alcove",
      start: alcove,
      version: versionOf([...alcove, "--version"], /\(Alcove (\S+)\)/),
      env: BORG_ENV,
      command: (work, repository) => [...alcove, ...borgCommand(work, repository)],
    },
    {
      name: "borg",
      start: ["borg"],
      version: versionOf(["borg", "--version"], /(\S+)\s*$/),
      env: BORG_ENV,
      command: (work, repository) => ["borg", ...borgCommand(work, repository)],
    },
    {
      name: "restic",
      start: ["restic"],
      version: versionOf(["restic", "version"], /restic (\S+)/),
      env: { RESTIC_PASSWORD: "bench" },
      command: (work, repository, home) => {
        const command = resticCommand(work);
        return command && ["restic", "-r", repository, "--cache-dir", join(home, "cache"), ...command];
      },
    },
  ];
}
