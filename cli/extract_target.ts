/** Where `extract` writes: below the current folder. */
import type { Target } from "../core/archive/mod.ts";
import { Restorer } from "../core/fs/mod.ts";
import { openAttributes } from "../core/platform/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import type { CommandContext } from "./context.ts";

export function makeTarget(
  context: CommandContext,
  options: {
    numeric_ids: boolean;
    sparse: boolean;
    continue_extraction: boolean;
    noflags: boolean;
    noacls: boolean;
    noxattrs: boolean;
  },
): Target {
  return new Restorer({
    files: context.files,
    destination: context.cwd,
    users: context.users,
    numericIds: options.numeric_ids,
    sparse: options.sparse,
    continue: options.continue_extraction,
    attributes: openAttributes(),
    flags: !options.noflags,
    acls: !options.noacls,
    xattrs: !options.noxattrs,
    warn: (code, path, message) => context.reporter.warn(code, printable(path), printable(message)),
  });
}
