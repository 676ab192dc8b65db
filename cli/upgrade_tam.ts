/** The parts of `upgrade` about authentication (TAM) of the manifest and of archives. */
import { type ArchiveInfo, readStoredMeta, replaceMeta } from "../core/archive/mod.ts";
import { hexOfId } from "../core/bytes/mod.ts";
import { encodeKey } from "../core/object/mod.ts";
import { randomBytes } from "../core/platform/mod.ts";
import { log } from "../core/report.ts";
import { archiveLine } from "./archive_line.ts";
import { makeBreath } from "./breath.ts";
import type { CommandContext } from "./context.ts";
import { openSession, type Session } from "./session.ts";

export interface TamValues {
  location: string;
  force: boolean;
}

function openForTam(context: CommandContext, values: TamValues, options: {
  ignoreMissingTam: boolean;
  unchecked: boolean;
  operations: readonly "check"[];
}): Promise<Session> {
  return openSession(context, values.location, {
    ...options,
    exclusive: true,
    archive: false,
    keepKey: true,
  });
}

const oldestFirst = (archives: Iterable<ArchiveInfo>): ArchiveInfo[] =>
  [...archives].sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0);

function warn(context: CommandContext, message: string): void {
  context.reporter.countWarning();
  log(context.reporter, "WARNING", message);
}

/** `--archives-tam` and `--check-archives-tam`. */
export async function upgradeArchivesTam(
  context: CommandContext,
  values: TamValues,
  change: boolean,
): Promise<void> {
  await using session = await openForTam(context, values, {
    ignoreMissingTam: values.force,
    unchecked: false,
    operations: ["check"],
  });
  const { store, codec, manifest } = session;
  const breathe = makeBreath();
  let found = 0;
  for (const info of oldestFirst(manifest.archives.values())) {
    await breathe();
    const stored = await readStoredMeta({ store, codec }, info, {
      tamRequired: false,
      ignoreInvalidTam: true,
    });
    if (stored.authenticated) {
      context.print(`Archive TAM present: ${archiveLine(info)}\n`);
      continue;
    }
    found++;
    if (!change) context.print(`Archive TAM missing: ${archiveLine(info)}\n`);
    else {
      const { id } = await replaceMeta({ store, codec, manifest }, info, {
        name: info.name,
        fields: stored.fields,
      });
      context.print(`Added archive TAM:   ${archiveLine(info)} -> [${hexOfId(id)}]\n`);
    }
  }
  if (change) {
    await manifest.write(store, context.nowUs());
    await store.commit();
    session.afterCommit();
  }
  if (found > 0 && !change) {
    return warn(context, `Archives without authentication: ${found}. Add it by upgrade --archives-tam.`);
  }
  if (found > 0) context.print(`Archives that got authentication: ${found}.\n`);
  context.print("All archives are authenticated.\n");
}

/** `--check-tam`. */
export async function checkTam(context: CommandContext, values: TamValues): Promise<void> {
  await using session = await openForTam(context, values, {
    ignoreMissingTam: values.force,
    unchecked: true,
    operations: ["check"],
  });
  const { manifest, codec, tamPolicy } = session;
  const missing: string[] = [];
  if (!manifest.authenticated || !manifest.tamRequired) {
    missing.push("The manifest is not authenticated, or does not say that it must be.");
  }
  if (hasKey(session) && !codec.tamRequired) missing.push("The key does not demand authentication.");
  if (!tamPolicy.tamRequired) missing.push("This machine does not demand authentication of the repository.");
  for (const message of missing) warn(context, message);
  if (missing.length === 0) {
    context.print("The manifest is authenticated, and key and machine insist on it.\n");
  }
}

/** `--tam`: makes the manifest authenticated, and key and machine insist on it. */
export async function enableTam(context: CommandContext, values: TamValues): Promise<void> {
  await using session = await openForTam(context, values, {
    ignoreMissingTam: values.force,
    unchecked: true,
    operations: ["check"],
  });
  const { manifest, codec, store, tamPolicy } = session;
  if (!manifest.authenticated || !manifest.tamRequired) {
    // Whoever vouches for them should have seen them.
    const lines = oldestFirst(manifest.archives.values()).map((info) => `${archiveLine(info)}\n`);
    context.print(["Manifest contents:\n", ...lines].join(""));
    await manifest.write(store, context.nowUs(), true);
    await store.commit();
  }
  if (!codec.tamRequired) await saveKey(context, session, true);
  if (!tamPolicy.tamRequired) {
    tamPolicy.requireTam();
    context.print("Updated security database\n");
  }
}

/** `--disable-tam`: for programs older than borg 1.0.9. */
export async function disableTam(context: CommandContext, values: TamValues): Promise<void> {
  await using session = await openForTam(context, values, {
    ignoreMissingTam: true,
    unchecked: true,
    operations: [],
  });
  const { manifest, codec, store, tamPolicy } = session;
  if (tamPolicy.tamRequired) tamPolicy.dropTam();
  if (codec.tamRequired) await saveKey(context, session, false);
  manifest.config.set("tam_required", false);
  await manifest.write(store, context.nowUs(), false);
  await store.commit();
}

const hasKey = (session: Session): boolean => session.codec.mode !== "none";

/** Stores the key anew, under the same passphrase, with another demand. */
async function saveKey(context: CommandContext, session: Session, tamRequired: boolean): Promise<void> {
  if (!hasKey(session)) return;
  const key = await session.storedKey();
  const passphrase = session.keyPassphrase;
  const where = await key.save(
    encodeKey({ ...session.keyMaterial, tamRequired }, { passphrase, randomBytes }),
  );
  context.print(`Key updated\nKey location: ${where}\n`);
}
