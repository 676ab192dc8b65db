/** The options that every command takes, before or after the command's name (borg's "common options"). */
import type { LogLevel } from "../core/report.ts";
import type { OptionSpec } from "./spec.ts";
import { parseInteger, parseOctal } from "./values.ts";

export interface CommonValues {
  log_level: LogLevel;
  debug_topics: string[];
  progress: boolean;
  iec: boolean;
  log_json: boolean;
  lock_wait: number;
  lock: boolean;
  show_version: boolean;
  show_rc: boolean;
  umask: number;
  remote_path: string | undefined;
  /** KiB/s; 0: as fast as it goes. */
  upload_ratelimit: number;
  /** MiB; 0: none. */
  upload_buffer: number;
  debug_profile: string | undefined;
  rsh: string | undefined;
  consider_part_files: boolean;
}

const level = (flags: string[], constant: LogLevel, help: string): OptionSpec => ({
  flags,
  name: "log_level",
  constant,
  default: "WARNING",
  help,
});

const rate = (flags: string[], more: Partial<OptionSpec> = {}): OptionSpec => ({
  flags,
  name: "upload_ratelimit",
  metavar: "RATE",
  parse: parseInteger,
  default: 0,
  help: "send at most this many KiB in a second to a server (default: 0, no limit)",
  ...more,
});

const buffer = (flags: string[], more: Partial<OptionSpec> = {}): OptionSpec => ({
  flags,
  name: "upload_buffer",
  metavar: "MIB",
  parse: parseInteger,
  default: 0,
  help: "keep up to this many MiB that wait to be sent to a server (default: 0, none)",
  ...more,
});

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  level(["--critical"], "CRITICAL", "show only what is critical"),
  level(["--error"], "ERROR", "show errors and worse"),
  level(["--warning"], "WARNING", "show warnings and worse (the default)"),
  level(["-v", "--info", "--verbose"], "INFO", "tell what is being done"),
  level(["--debug"], "DEBUG", "tell everything"),
  {
    flags: ["--debug-topic"],
    name: "debug_topics",
    metavar: "TOPIC",
    repeat: "append",
    help: "tell everything about one topic (can be repeated)",
  },
  { flags: ["-p", "--progress"], name: "progress", help: "show how far the work is" },
  { flags: ["--iec"], name: "iec", help: "show sizes in units of 1024 (KiB, MiB, …)" },
  {
    flags: ["--log-json"],
    name: "log_json",
    help: "write each message to standard error as one line of JSON",
  },
  {
    flags: ["--lock-wait"],
    name: "lock_wait",
    metavar: "SECONDS",
    parse: parseInteger,
    default: 1,
    help: "wait at most this long for a lock that somebody else holds (default: 1)",
  },
  {
    flags: ["--bypass-lock"],
    name: "lock",
    constant: false,
    default: true,
    help: "do not lock the repository",
  },
  { flags: ["--show-version"], name: "show_version", help: "log the version" },
  { flags: ["--show-rc"], name: "show_rc", help: "log the exit code" },
  {
    flags: ["--umask"],
    name: "umask",
    metavar: "M",
    parse: parseOctal,
    default: 0o077,
    help: "permission bits to take from files that are written in the repository (default: 0077)",
  },
  {
    flags: ["--remote-path"],
    name: "remote_path",
    metavar: "PATH",
    help: "the program to run at the server",
  },
  {
    flags: ["--rsh"],
    name: "rsh",
    metavar: "RSH",
    help: "the command that connects to the server (default: ssh)",
  },
  rate(["--upload-ratelimit"]),
  rate(["--remote-ratelimit"], { hidden: true, deprecated: "use --upload-ratelimit" }),
  buffer(["--upload-buffer"]),
  buffer(["--remote-buffer"], { hidden: true, deprecated: "use --upload-buffer" }),
  {
    flags: ["--debug-profile"],
    name: "debug_profile",
    metavar: "FILE",
    help: "write a profile of the run to FILE, for Chrome's developer tools and their like (.cpuprofile)",
  },
  {
    flags: ["--consider-part-files"],
    name: "consider_part_files",
    help: "treat the parts that checkpoints cut files into like files",
  },
];
