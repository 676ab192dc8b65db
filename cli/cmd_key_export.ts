/** `key export`: a copy of the repository's key, for a safe place. */
import { encodeText } from "../core/bytes/mod.ts";
import { encodeKeyFile, encodePaperKey } from "../core/crypto/mod.ts";
import type { CommandContext } from "./context.ts";
import { KEY_REPOSITORY, keyPath, OWNER_ONLY } from "./key_arguments.ts";
import { writeOutput } from "./output_file.ts";
import { openStore } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";

interface ExportValues {
  location: string;
  path: string | undefined;
  paper: boolean;
  qr: boolean;
}

const spec: CommandSpec = {
  name: "key export",
  summary: "save a copy of the repository's key",
  description:
    `Writes the key of a repository to a file or to standard output. Whoever has lost the key, or the
repository's config file in the modes that keep it there, has lost the backups: keep this copy somewhere else.

The copy is still protected by the passphrase, which it does not contain: both are needed to read the repository.

Three forms: a small text file, for a disk; --paper, short lines with check sums to print and to type in again; and
--qr-html, a page to print with a QR code of the text file beside the lines. Copies made by borg and by Alcove are the same,
and each program imports those of the other.`,
  options: [
    { flags: ["--paper"], name: "paper", help: "write lines that can be printed and typed in again" },
    { flags: ["--qr-html"], name: "qr", help: "write an HTML page with a QR code and those lines, to print" },
  ],
  positionals: [KEY_REPOSITORY, keyPath("where to write the copy; without it, or for -, standard output")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const { location, path, paper, qr } = raw as unknown as ExportValues;
  await using session = await openStore(context, location, { archive: false, unlocked: true });
  const key = await session.storedKey();
  const blob = await key.load();
  const { repositoryId } = key;
  let data: Uint8Array;
  if (paper) {
    const how = "To restore the key use: key import --paper /path/to/repo\n\n";
    data = encodeText(how + encodePaperKey(repositoryId, blob));
  } else if (qr) {
    const { keyPage } = await import("./key_page.ts");
    data = encodeText(keyPage(repositoryId, blob));
  } else data = encodeKeyFile(repositoryId, blob);
  writeOutput(context, path, data, { mode: OWNER_ONLY });
}

export const command: Command = { spec, run };
