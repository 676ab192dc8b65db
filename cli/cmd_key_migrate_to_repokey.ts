/** `key migrate-to-repokey`: out of the mode before borg 1.0 that derived all keys from the passphrase. */
import { readManifestObject } from "../core/archive/mod.ts";
import {
  createCodec,
  encodeKey,
  type KeyMaterial,
  LEGACY_PASSPHRASE_TYPE,
  legacyPassphraseKey,
  wipeKey,
} from "../core/object/mod.ts";
import { randomBytes } from "../core/platform/mod.ts";
import { AppError, IntegrityError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import { KEY_REPOSITORY } from "./key_arguments.ts";
import { canonicalPath } from "./location.ts";
import { newPassphrase } from "./prompt.ts";
import { openStore } from "./session.ts";
import { unlock } from "./session_key.ts";
import type { Command, CommandSpec } from "./spec.ts";

const spec: CommandSpec = {
  name: "key migrate-to-repokey",
  summary: "give a repository of the old passphrase mode a key",
  description:
    `Attic, and borg before 1.0, had a mode "passphrase" without a stored key: all keys were derived from the passphrase,
which could therefore never be changed. This command derives them once more, and stores them as the key of a repository in
mode repokey, under a new passphrase (BORG_NEW_PASSPHRASE answers for scripts) or the same one.

Nothing else of the repository is touched; all its data stays readable. Such a repository is older than authenticated
manifests: where it is refused for that, upgrade --tam makes it up.

Who had the old passphrase and a copy of the repository can still read what it holds.`,
  options: [],
  positionals: [KEY_REPOSITORY],
};

async function run(context: CommandContext, values: Record<string, unknown>): Promise<void> {
  await using session = await openStore(context, values["location"] as string, {
    archive: false,
    exclusive: true,
  });
  const manifest = await readManifestObject(session.store);
  const place = canonicalPath(session.location);
  if (manifest[0] !== LEGACY_PASSPHRASE_TYPE) {
    throw new AppError("Error", [`Cannot migrate ${place}: it is not in the old passphrase mode`]);
  }
  const open = async (passphrase: string): Promise<KeyMaterial | null> => {
    const material = await legacyPassphraseKey(passphrase, session.store.id);
    if (await fits(material, manifest)) return material;
    wipeKey(material);
    return null;
  };
  const { material } = await unlock(context, open, place);
  try {
    const key = await session.storedKey();
    await key.save(encodeKey(material, { passphrase: await newPassphrase(context), randomBytes }));
  } finally {
    wipeKey(material);
  }
  log(context.reporter, "INFO", "Key updated");
}

/** Whether the key opens what the repository has stored. */
async function fits(material: KeyMaterial, stored: Uint8Array): Promise<boolean> {
  const codec = await createCodec(material, { nonce: null, accel: null, randomBytes });
  try {
    await codec.open(null, stored);
    return true;
  } catch (error) {
    if (error instanceof IntegrityError) return false;
    throw error;
  } finally {
    codec.dispose();
  }
}

export const command: Command = { spec, run };
