/** The part of `upgrade` that changes files: repositories of attic, and key files that lie where old versions kept them. */
import { convertAtticKey, moveBorg0Key, type MovedKey } from "../core/local/mod.ts";
import { log } from "../core/report.ts";
import { upgradeAttic } from "../core/store/mod.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { formatLocalTime, strftime } from "./local_time.ts";
import { repositoryFiles } from "./session_store.ts";

export interface ConvertValues {
  location: string;
  dry_run: boolean;
  inplace: boolean;
}

/** Converts a repository of attic; takes over key files of attic and of borg before 1.0. */
export async function convertRepository(context: CommandContext, values: ConvertValues): Promise<void> {
  const { env, path, keys, oldKeys } = repositoryFiles(context, values.location);
  const say = (message: string): void => log(context.reporter, "INFO", message);
  const backup = values.inplace ? null : backupPath(context, path);
  const { repositoryId, converted } = await upgradeAttic(env, path, {
    dryRun: values.dry_run,
    backup,
    lockWaitSeconds: context.common.lock_wait,
    onSegment: makeProgress(context),
  });
  context.reporter.finish();
  const verb = values.dry_run ? "to convert" : "converted";
  if (converted > 0 && backup !== null) say(`Files as they were, by hard links: ${backup}`);
  say(converted === 0 ? "The repository is not one of attic." : `Files ${verb}: ${converted}`);
  const search = { files: context.files, to: keys, repositoryId, dryRun: values.dry_run };
  const tell = (of: string, key: MovedKey | null): void =>
    say(key === null ? `No key file of ${of} found.` : `Key file ${key.from} of ${of}: now ${key.to}`);
  tell("attic", convertAtticKey({ ...search, from: oldKeys.attic }));
  tell("borg before 1.0", moveBorg0Key({ ...search, from: oldKeys.borg0 }));
}

/** As borg names it: "REPOSITORY.before-upgrade-2026-11-24-06:08:23". */
function backupPath(context: CommandContext, path: string): string {
  const now = strftime(formatLocalTime(context.nowUs(), "local"), "%Y-%m-%d-%H:%M:%S");
  return `${path}.before-upgrade-${now}`;
}

function makeProgress(context: CommandContext) {
  const breathe = makeBreath();
  let next = 0;
  return (done: number, total: number): void | Promise<void> => {
    const percent = 100 * done / total;
    if (percent >= next) {
      next = 5 * Math.floor(percent / 5) + 5;
      context.reporter.emit({
        type: "progress_percent",
        operation: 1,
        msgid: "upgrade.convert_segments",
        finished: false,
        current: done + 1,
        total,
        message: `Converting segments ${percent.toFixed(0).padStart(3)}%`,
      });
    }
    return breathe();
  };
}
