/** `upgrade`: adds what newer versions demand to a repository of an older one, or of attic. */
import type { CommandContext } from "./context.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { convertRepository } from "./upgrade_files.ts";
import { checkTam, disableTam, enableTam, upgradeArchivesTam } from "./upgrade_tam.ts";

interface UpgradeValues {
  location: string;
  dry_run: boolean;
  inplace: boolean;
  force: boolean;
  tam: boolean;
  check_tam: boolean;
  disable_tam: boolean;
  archives_tam: boolean;
  check_archives_tam: boolean;
}

const spec: CommandSpec = {
  name: "upgrade",
  summary: "upgrade a repository of an older version",
  description:
    `Without an option about TAM (authentication of the manifest and of archives), converts a repository of attic into
one of borg, after a copy of its files by hard links beside it (with --inplace: without), and takes over key files
that lie where attic and borg before 1.0 kept them.

--tam authenticates the manifest, and makes key and this machine insist on it: for repositories of borg before 1.0.9.
It shows what the manifest names; look at it before you go on. --disable-tam takes that back, for programs so old that
they would destroy it. --archives-tam adds authentication to archives that have none, as those of older versions,
which newer ones refuse: only for archives that you know to be yours. The --check options only look.`,
  options: [
    { flags: ["-n", "--dry-run"], name: "dry_run", help: "convert nothing, only tell" },
    { flags: ["--inplace"], name: "inplace", help: "convert without a copy: there is no way back" },
    { flags: ["--force"], name: "force", help: "also where the manifest is not authenticated but must be" },
    { flags: ["--tam"], name: "tam", help: "authenticate the manifest from now on" },
    { flags: ["--check-tam"], name: "check_tam", help: "tell whether the manifest is authenticated" },
    {
      flags: ["--disable-tam"],
      name: "disable_tam",
      help: "insist no more on authentication of the manifest",
    },
    {
      flags: ["--check-archives-tam"],
      name: "check_archives_tam",
      help: "tell which archives are authenticated",
    },
    { flags: ["--archives-tam"], name: "archives_tam", help: "authenticate all archives" },
  ],
  positionals: [optionalRepository("the repository to upgrade; without it, the one in BORG_REPO")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as UpgradeValues;
  // The order in which borg looks at them where several are given.
  if (values.archives_tam || values.check_archives_tam) {
    return await upgradeArchivesTam(context, values, !values.check_archives_tam);
  }
  if (values.tam || values.check_tam) {
    return values.check_tam ? await checkTam(context, values) : await enableTam(context, values);
  }
  if (values.disable_tam) return await disableTam(context, values);
  await convertRepository(context, values);
}

export const command: Command = { spec, run };
