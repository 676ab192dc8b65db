/** What the `key` commands share. */
import { optionalRepository } from "./option_groups.ts";
import type { PositionalSpec } from "./spec.ts";
import { parsePath } from "./values.ts";

export const KEY_REPOSITORY = optionalRepository("whose key; without it, the repository in BORG_REPO");

export const keyPath = (help: string): PositionalSpec => ({
  name: "path",
  metavar: "PATH",
  count: "?",
  parse: parsePath,
  help,
});

/** Permission bits of what holds a key. */
export const OWNER_ONLY = 0o600;
