/** `serve`: the server's end of a connection; a client starts it by SSH and talks to its standard streams. */
import { encodeText } from "../core/bytes/mod.ts";
import { AppError, OsError } from "../core/errors.ts";
import { log } from "../core/report.ts";
import { homeFolder } from "../core/local/mod.ts";
import { nowMs, serverStdio, writeStderr } from "../core/platform/mod.ts";
import {
  linkReader,
  type OpenRequest,
  type PathSource,
  serve,
  type ServedStore,
  type ServerHost,
} from "../core/rpc/mod.ts";
import { breakLock, createRepository, openRepository, type StoreEnv } from "../core/store/mod.ts";
import type { CommandContext } from "./context.ts";
import { clientWishes } from "./forced_command.ts";
import { formatSize } from "./format_size.ts";
import { ServeReporter } from "./report_serve.ts";
import { storeEnv } from "./session_store.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { systemInformation } from "./system_information.ts";
import { parseStorageQuota } from "./values.ts";
import { BORG_VERSION, versionLine } from "./version.ts";

interface ServeValues {
  restrict_to_paths: string[];
  restrict_to_repositories: string[];
  append_only: boolean;
  storage_quota: number | undefined;
}

const spec: CommandSpec = {
  name: "serve",
  summary: "serve repositories to a client at the other end of a pipe",
  description:
    `Speaks borg's remote protocol over standard input and output. Clients start it by SSH; nobody types it. Clients of
borg 1.0 to 1.4 are served as well as Alcove's own.

In ~/.ssh/authorized_keys a key can be tied to it, so that who has the key can do nothing else:

    command="alcove serve --restrict-to-path /srv/backup/host1 --append-only",restrict ssh-ed25519 AAAA...

What the client asked to be run then decides of three things only: how much is logged (--debug, --info, ...,
--debug-topic) and --lock-wait. All else in its command line, and its environment variables, are ignored.

With --append-only what has been stored cannot be taken away for good: deleting an archive adds to the repository that it
is deleted, and nothing is freed. Each commit is a line in the repository's file "transactions": its number, which is
that of its last segment file, and its time. To go back to transaction N, at the server, while nobody uses the repository,
and after making a copy of it:

    remove the files index.*, hints.* and integrity.* of the repository
    remove all files below data/ whose number is greater than N
    run check, without --append-only
    on each client: delete --cache-only, and remove the file manifest-timestamp of its security folder

Go back before you compact: compact, when it runs without --append-only, frees what was deleted.`,
  options: [
    {
      flags: ["--restrict-to-path"],
      name: "restrict_to_paths",
      metavar: "PATH",
      repeat: "append",
      help: "serve repositories only at PATH or anywhere below it (can be repeated)",
    },
    {
      flags: ["--restrict-to-repository"],
      name: "restrict_to_repositories",
      metavar: "PATH",
      repeat: "append",
      help: "serve only the repository at PATH, which need not exist yet (can be repeated)",
    },
    {
      flags: ["--append-only"],
      name: "append_only",
      help: "let nothing that was stored be removed; a client may still delete archives, which can be undone",
    },
    {
      flags: ["--storage-quota"],
      name: "storage_quota",
      metavar: "QUOTA",
      parse: parseStorageQuota,
      help:
        "how much a repository may store (5G, 1.5T), whatever its own setting is; new ones keep it as theirs",
    },
  ],
  positionals: [],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<number> {
  const original = context.env("SSH_ORIGINAL_COMMAND");
  const wishes = original === undefined ? null : clientWishes(original, spec);
  const reporter = new ServeReporter(printError, {
    level: (wishes ?? context.common).log_level,
    progress: true,
    fileStatus: null,
    iec: context.common.iec,
  });
  const useJson = (): void => reporter.useJson(() => nowMs() / 1000);
  if (context.common.log_json) useJson();
  const host = serverHost(context, raw as unknown as ServeValues, { reporter, useJson });
  const transport = serverStdio(context.files);
  try {
    const { asked } = await serve(transport, host);
    // For people who try whether the program can be reached; a client has left by now.
    if (!asked) {
      await transport.write(encodeText(`${versionLine("alcove")}: the client left without a word.\n`));
    }
    return 0;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { message, code } = error;
    reporter.emit({ type: "log_message", levelname: "ERROR", name: "alcove", message, msgid: code });
    return context.env("BORG_EXIT_CODES") === "modern" ? error.exitCode : 2;
  }
}

function serverHost(
  context: CommandContext,
  values: ServeValues,
  messages: { reporter: ServeReporter; useJson: () => void },
): ServerHost {
  const env = storeEnv({ files: context.files, host: context.host, reporter: messages.reporter });
  const [major, minor, patch] = BORG_VERSION.split(".").map(Number) as [number, number, number];
  let atSignal: Disposable | null = null;
  return {
    ...messages,
    version: [major, minor, patch],
    paths: pathSource(context),
    restrictions: { paths: values.restrict_to_paths, repositories: values.restrict_to_repositories },
    appendOnly: values.append_only,
    async open(path, request) {
      atSignal?.[Symbol.dispose]();
      const store = await openStore(env, path, request, values.storage_quota);
      atSignal = context.atSignal(() => store.close());
      return store;
    },
    breakLock: (path) => breakLock(env, path),
    compacted(freedBytes) {
      const freed = formatSize(freedBytes, context.common.iec);
      log(messages.reporter, "INFO", `compaction freed about ${freed} repository space.`);
    },
    systemInformation: () => systemInformation((name) => context.env(name), context.argv),
  };
}

/** A quota of the command line counts more than the repository's own, and becomes that of a new one. */
async function openStore(
  env: StoreEnv,
  path: string,
  request: OpenRequest,
  storageQuota: number | undefined,
): Promise<ServedStore> {
  const quota = storageQuota === undefined ? {} : { storageQuota };
  return request.create
    ? await createRepository(env, path, { ...request, ...quota })
    : await openRepository(env, path, { ...request, ...quota });
}

function pathSource(context: CommandContext): PathSource {
  const where = {
    env: context.environment(),
    currentDirectory: context.cwd,
    uid: context.host.uid,
    homeOf: (user: string | number) => context.users.homeOf(user),
  };
  return {
    cwd: context.cwd,
    get home() {
      return homeFolder(where);
    },
    homeOf(user) {
      if (user !== "") return where.homeOf(user);
      return context.env("HOME") ?? (where.uid === null ? null : where.homeOf(where.uid));
    },
    readLink: linkReader(context.files),
  };
}

function printError(text: string): void {
  try {
    writeStderr(encodeText(text));
  } catch (error) {
    // The client does not listen any more; its end of the other streams says the rest.
    if (!(error instanceof OsError)) throw error;
  }
}

export const command: Command = { spec, run };
