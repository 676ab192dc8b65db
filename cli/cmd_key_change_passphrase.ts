/** `key change-passphrase`: the same key under another passphrase. */
import { encodeKey } from "../core/object/mod.ts";
import { randomBytes } from "../core/platform/mod.ts";
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import { KEY_REPOSITORY } from "./key_arguments.ts";
import { newPassphrase } from "./prompt.ts";
import { openSession } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";

const spec: CommandSpec = {
  name: "key change-passphrase",
  summary: "protect the repository's key by another passphrase",
  description:
    `Asks for the passphrase and twice for a new one, and protects the key by the new one. BORG_NEW_PASSPHRASE
answers for scripts.

The key itself stays the same. Somebody who had both the old passphrase and a copy of the key can still read what is in the
repository, now and later; against that only a new repository helps. Copies made by key export keep the old passphrase.`,
  options: [],
  positionals: [KEY_REPOSITORY],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openSession(context, values["location"] as string, {
    archive: false,
    operations: ["check"],
    keepKey: true,
  });
  if (session.codec.mode === "none") {
    throw commandError("This repository is not encrypted, cannot change the passphrase.");
  }
  const key = await session.storedKey();
  const passphrase = await newPassphrase(context);
  const where = await key.save(encodeKey(session.keyMaterial, { passphrase, randomBytes }));
  if (passphrase === "") session.tamPolicy.dropProtected();
  log(context.reporter, "INFO", "Key updated");
  log(context.reporter, "INFO", `Key location: ${where}`);
}

export const command: Command = { spec, run };
