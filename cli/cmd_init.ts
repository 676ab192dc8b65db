/** `init`: a new repository. */
import { Manifest } from "../core/archive/mod.ts";
import { ENCRYPTION_MODES, type EncryptionMode } from "../core/object/mod.ts";
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import { canonicalPath } from "./location.ts";
import { createSession } from "./session.ts";
import { optionalRepository } from "./option_groups.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { readGivenFile } from "./output_file.ts";
import { decodeRelatedSecrets } from "./related_secrets.ts";
import { parsePath, parseStorageQuota } from "./values.ts";

interface InitValues {
  location: string;
  encryption: EncryptionMode;
  append_only: boolean;
  storage_quota: number | undefined;
  make_parent_dirs: boolean;
  import_related_secrets: string | undefined;
}

const spec: CommandSpec = {
  name: "init",
  summary: "make a new repository",
  description: `Makes a new, empty repository in a folder that does not exist yet, or is empty.

The encryption mode is chosen once and for all. repokey-blake2 is the best choice on most machines: the key lies in the
repository, protected by the passphrase. keyfile-blake2 keeps the key on this machine only: who steals the repository has
nothing, but without a copy of the key file nobody can restore. repokey and keyfile use SHA-256, faster on machines that
have it in hardware. authenticated modes detect tampering but do not encrypt; none does neither.`,
  options: [
    {
      flags: ["-e", "--encryption"],
      name: "encryption",
      metavar: "MODE",
      choices: ENCRYPTION_MODES,
      required: true,
      help: "the encryption mode:",
    },
    {
      flags: ["--append-only"],
      name: "append_only",
      help: "never really delete: what is deleted can be brought back until append-only is switched off",
    },
    {
      flags: ["--storage-quota"],
      name: "storage_quota",
      metavar: "QUOTA",
      parse: parseStorageQuota,
      help: "how much may be stored (5G, 1.5T); default: no limit",
    },
    {
      flags: ["--make-parent-dirs"],
      name: "make_parent_dirs",
      help: "make the folders above the repository too",
    },
    {
      flags: ["--import-related-secrets"],
      name: "import_related_secrets",
      metavar: "PATH",
      parse: parsePath,
      help: "cut and name chunks as the repository did whose key export-related-secrets wrote PATH",
    },
  ],
  positionals: [optionalRepository("where; without it, BORG_REPO")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const values = raw as unknown as InitValues;
  const path = values.import_related_secrets;
  const related = path === undefined
    ? null
    : decodeRelatedSecrets(readGivenFile(context, path), values.encryption, path);
  await using session = await createSession(context, values.location, {
    ...values,
    ...(related ? { related } : {}),
  });
  log(context.reporter, "INFO", `Initializing repository at "${canonicalPath(session.location)}"`);
  try {
    const manifest = new Manifest(session.codec);
    await manifest.write(session.store, context.nowUs());
    await session.store.commit();
    await session.afterInit(manifest);
  } catch (error) {
    // Half a repository would only be in the way.
    await session.undo();
    throw error;
  }
  if (values.encryption !== "none") advise(context, values.encryption, session.keyFilePath);
}

/** Losing the key means losing the backups: say so while there is time. */
function advise(context: CommandContext, mode: EncryptionMode, keyFile: string | null): void {
  const where = keyFile === null ? "the repository's config file" : keyFile;
  log(
    context.reporter,
    "WARNING",
    `
IMPORTANT: to read this repository (mode ${mode}) you need both the KEY and the PASSPHRASE.

The key is in ${where}.
1. Keep a copy of the key in a safe place away from the repository:
     alcove key export             REPOSITORY copy-of-the-key
     alcove key export --paper     REPOSITORY copy-to-print.txt
     alcove key export --qr-html   REPOSITORY copy-to-print.html
2. Keep the passphrase in a safe place too. Nobody can recover it.
`,
  );
}

export const command: Command = { spec, run };
