/** `key export-related-secrets`: what another repository needs to cut and name chunks like this one. */
import { KeyError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import { KEY_REPOSITORY, keyPath, OWNER_ONLY } from "./key_arguments.ts";
import { writeOutput } from "./output_file.ts";
import { encodeRelatedSecrets } from "./related_secrets.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "key export-related-secrets",
  summary: "save the secrets that make another repository a related one",
  description:
    `Writes the id key and the chunker's seed as JSON, for init --import-related-secrets. Related repositories cut
and name chunks alike, each under encryption keys of its own, so archives can later be moved between them cheaply.

Both repositories must use the same hash: SHA-256 (repokey, keyfile, authenticated) or BLAKE2b (the -blake2 modes).

The file is not protected by a passphrase. Remove it as soon as the other repository is made.`,
  options: [],
  positionals: [KEY_REPOSITORY, keyPath("where to write them; without it, or for -, standard output")],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    archive: false,
    operations: ["read"],
    keepKey: true,
  });
  if (session.codec.mode === "none") throw new KeyError("UnencryptedRepo");
  const data = encodeRelatedSecrets(session.keyMaterial);
  writeOutput(context, values["path"] as string | undefined, data, { mode: OWNER_ONLY });
  data.fill(0);
}

export const command: Command = { spec, run };
