/** What a session leaves behind where the key fails: nothing in the repository's place, no hook for signals, no lost promise. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommonValues } from "../../../cli/common_options.ts";
import type { CommandContext } from "../../../cli/context.ts";
import { TextReporter } from "../../../cli/report_text.ts";
import { createSession } from "../../../cli/session.ts";
import { SessionCodec } from "../../../cli/session_codec.ts";
import { directories } from "../../../cli/session_store.ts";
import { Manifest } from "../../../core/archive/mod.ts";
import { RepositorySecurity } from "../../../core/local/mod.ts";
import type { EncryptionMode } from "../../../core/object/mod.ts";
import { Host, openFiles, Users } from "../../../core/platform/mod.ts";
import { AppError, KeyError } from "../../../core/errors.ts";

/** A command's context in a folder of its own, with the hooks for signals to be counted and what was said to be read. */
function place(env: Record<string, string> = {}) {
  const folder = fs.mkdtempSync(join(tmpdir(), "alcove-session-"));
  const environment: Record<string, string> = { BORG_BASE_DIR: folder, BORG_PASSPHRASE: "pass", ...env };
  for (const [name, value] of Object.entries(environment)) {
    environment[name] = value.replace("FOLDER", folder);
  }
  const hooks = new Set<() => void | Promise<void>>();
  const said: string[] = [];
  const files = openFiles();
  const users = new Users(files);
  const context = {
    files,
    users,
    host: new Host({ hostId: undefined, users }),
    env: (name: string) => environment[name],
    environment: () => environment,
    common: { lock: true, lock_wait: 1 } as unknown as CommonValues,
    reporter: new TextReporter((text) => said.push(text), {
      ...{ level: "WARNING", progress: false, fileStatus: null, iec: false, terminal: false },
      columns: () => 80,
    }),
    cwd: folder,
    startUs: 0,
    atSignal(cleanUp: () => void | Promise<void>) {
      hooks.add(cleanUp);
      return { [Symbol.dispose]: () => void hooks.delete(cleanUp) };
    },
  } as unknown as CommandContext;
  return {
    context,
    folder,
    hooks,
    said,
    init: (encryption: EncryptionMode, append_only = false) =>
      createSession(context, "repo", {
        encryption,
        append_only,
        storage_quota: undefined,
        make_parent_dirs: false,
      }),
    [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true, force: true }),
  };
}

/** The name of a key file that is there already, so that no key can be made. */
const TAKEN = { BORG_KEY_FILE: "FOLDER/taken" };
const isTaken = (error: unknown) => error instanceof AppError && /exists already/.test(error.message);

Deno.test("a repository whose key cannot be made is taken away, and with it the hook for signals", async () => {
  using at = place(TAKEN);
  fs.writeFileSync(join(at.folder, "taken"), "");
  await assert.rejects(at.init("keyfile"), isTaken);
  assert.equal(fs.existsSync(join(at.folder, "repo")), false);
  assert.equal(at.hooks.size, 0);
});

Deno.test("a repository that refuses to be taken away does not hide why it was to go", async () => {
  using at = place(TAKEN);
  fs.writeFileSync(join(at.folder, "taken"), "");
  await assert.rejects(at.init("keyfile", true), isTaken);
  assert.match(at.said.join(""), /What was made of the repository stays: .*append-only/);
  assert.equal(at.hooks.size, 0);
});

Deno.test("a key that fails beside an accelerator that fails is no lost promise", async () => {
  using at = place();
  await using session = await at.init("repokey");
  await new Manifest(session.codec).write(session.store, 0);
  await session.store.commit();
  const { context } = at;
  const dirs = directories(context);
  const repositoryId = session.store.id;
  const security = new RepositorySecurity({
    ...{ files: context.files, directory: dirs.security, repositoryId, location: "repo" },
    ask: () => true,
  });
  const wrong = { ...context, env: (name: string) => name === "BORG_PASSPHRASE" ? "wrong" : undefined };
  const open = (lendAccel: () => null) => {
    using key = new SessionCodec({
      ...{ context: wrong, dirs, location: session.location, repositoryId, store: session.store },
      ...{ security, tamRequiredDefault: () => false, lendAccel },
    });
    return key.open();
  };
  await assert.rejects(
    open(() => {
      throw new Error("no library");
    }),
    /no library/,
  );
  // By then the key has failed, too; the runner reports a promise that was lost.
  await assert.rejects(
    open(() => null),
    (error) => error instanceof KeyError && error.code === "PassphraseWrong",
  );
});
