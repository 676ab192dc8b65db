/** `config`: reads and changes the settings in a repository's configuration. */
import { decodeHex, ID_LENGTH } from "../core/bytes/mod.ts";
import { AppError } from "../core/errors.ts";
import { MAX_SEGMENT_SIZE, parseSize } from "../core/store/mod.ts";
import type { CommandContext } from "./context.ts";
import { openStore } from "./session.ts";
import { localStore } from "./session_store.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError, usageError } from "./values.ts";

interface ConfigValues {
  location: string;
  name: string | undefined;
  value: string | undefined;
  cache: boolean;
  delete: boolean;
  list: boolean;
}

const SECTION = "repository";
const MIN_QUOTA = 10_000_000;

/** What --list shows, in this order, with what holds where the repository does not say. */
const LISTED: readonly (readonly [name: string, fallback: string | null])[] = [
  ["version", "1"],
  ["segments_per_dir", "1000"],
  ["max_segment_size", String(MAX_SEGMENT_SIZE)],
  ["storage_quota", "0"],
  ["additional_free_space", "0"],
  ["append_only", "0"],
  ["id", null],
];

/** The settings that may be changed, and why a value cannot be one (null: it can). */
const CHECKS: Record<string, (value: string) => string | null> = {
  segments_per_dir: wholeNumber,
  last_segment_checked: wholeNumber,
  max_segment_size: (value) => {
    const size = parseSize(value);
    if (size === null) return "it is not a size";
    return size >= MAX_SEGMENT_SIZE ? `it must be below ${MAX_SEGMENT_SIZE}` : null;
  },
  additional_free_space: sizeOfSomeUse,
  storage_quota: sizeOfSomeUse,
  append_only: (value) => value === "0" || value === "1" ? null : "it is neither 0 nor 1",
  id: (value) => decodeHex(value)?.length === ID_LENGTH ? null : "it is not 64 hexadecimal digits",
};

function wholeNumber(value: string): string | null {
  return /^[+-]?\d+$/.test(value.trim()) ? null : "it is not a whole number";
}

function sizeOfSomeUse(value: string): string | null {
  const size = parseSize(value);
  if (size === null) return "it is not a size";
  return size !== 0 && size < MIN_QUOTA ? "less than 10M is too small" : null;
}

const spec: CommandSpec = {
  name: "config",
  summary: "get, set and delete settings of a repository",
  description:
    `Prints a setting of a repository, or with a VALUE sets it. It is read when the repository is opened the next time.
Can be set: ${
      Object.keys(CHECKS).join(", ")
    }. Sizes may have a suffix (5M, 1.5G). append_only 1 makes the repository
one that only grows; additional_free_space keeps some room free, so that a full disk can be cleaned up.`,
  options: [
    {
      flags: ["-c", "--cache"],
      name: "cache",
      help: "settings of the cache: this program has none and refuses",
    },
    { flags: ["-d", "--delete"], name: "delete", exclusive: "what", help: "remove the setting" },
    { flags: ["-l", "--list"], name: "list", exclusive: "what", help: "print all settings" },
  ],
  positionals: [
    optionalRepository("the repository; without it, the one in BORG_REPO"),
    { name: "name", metavar: "NAME", count: "?", help: "name of the setting" },
    { name: "value", metavar: "VALUE", count: "?", help: "its new value" },
  ],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as ConfigValues;
  if (values.cache) {
    throw commandError("There are no settings of the cache: leave --cache out for those of the repository");
  }
  if (!values.list && !values.name) throw commandError("Name the setting, or give --list to see all");
  const changes = values.delete || (!values.list && Boolean(values.value));
  await using session = await openStore(context, values.location, {
    archive: false,
    local: true,
    exclusive: changes,
  });
  const store = localStore(session);
  if (values.list) {
    context.print(listing((name) => store.configValue(name)));
    return;
  }
  const name = requireName(values.name!, changes);
  if (values.delete) return store.setConfigValue(name, null);
  if (changes) {
    const fault = CHECKS[name]!(values.value!);
    if (fault !== null) throw commandError(`Cannot set ${name} to '${values.value}': ${fault}`);
    return store.setConfigValue(name, values.value!);
  }
  const value = store.configValue(name);
  if (value === undefined) {
    throw new AppError("Error", [`The configuration has no setting '${name}'`]);
  }
  context.print(`${value}\n`);
}

/** The name of "repository.name" or "name". Throws for another section, or for what must not be changed. */
function requireName(text: string, changes: boolean): string {
  const parts = text.split(".");
  const [section, name] = parts.length === 2 ? [parts[0]!, parts[1]!] : [SECTION, text];
  if (section !== SECTION) throw usageError(`The configuration has no section '${section}'`);
  if (changes && !Object.hasOwn(CHECKS, name)) {
    throw usageError(
      `Cannot change '${name}': only these can be changed: ${Object.keys(CHECKS).join(", ")}`,
    );
  }
  return name;
}

function listing(value: (name: string) => string | undefined): string {
  const lines = [`[${SECTION}]`];
  for (const [name, fallback] of LISTED) {
    const shown = value(name) ?? fallback;
    if (shown === null) {
      throw new AppError("Error", [`The configuration lacks ${name}, which has no default`]);
    }
    lines.push(`${name} = ${shown}`);
  }
  const checked = value("last_segment_checked");
  if (checked !== undefined) lines.push(`last_segment_checked = ${checked}`);
  return `${lines.join("\n")}\n`;
}

export const command: Command = { spec, run };
