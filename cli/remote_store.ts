/** A repository at the other end of the system's ssh: its command line, its messages, and what to say when it is gone. */
import { KnownIds } from "../core/local/mod.ts";
import {
  type ChildEnd,
  childEnvironment,
  ChildPipe,
  monotonicMs,
  programExists,
  sleep,
  splitCommand,
} from "../core/platform/mod.ts";
import { limitRate, openRemote, RemoteLog, type RemoteStore, RpcConnection } from "../core/rpc/mod.ts";
import { OsError } from "../core/errors.ts";
import { encodeHex } from "../core/bytes/mod.ts";
import { log } from "../core/report.ts";
import type { CommandContext } from "./context.ts";
import type { Location } from "./location.ts";
import { watchSilence } from "./remote_silence.ts";
import { directories, makeFill } from "./session_store.ts";
import { commandError } from "./values.ts";
import { BORG_VERSION } from "./version.ts";

export interface RemoteOptions {
  exclusive: boolean;
  lock: boolean;
  lockWaitSeconds: number;
  create?: boolean;
  appendOnly?: boolean;
  makeParentDirs?: boolean;
  /** Bytes. */
  storageQuota?: number;
}

/** What a server takes by itself. */
const DEFAULT_UMASK = 0o077;
const NOT_FOUND = 127;
const SSH_FAILED = 255;

/** Starts ssh, agrees with the server on the protocol and opens, or creates, the repository. */
export async function openRemoteStore(
  context: CommandContext,
  location: Location,
  options: RemoteOptions,
): Promise<RemoteStore> {
  const command = remoteCommand(context, location, options);
  log(context.reporter, "DEBUG", `SSH command line: ${command.join(" ")}`);
  const program = command[0]!;
  const path = context.env("PATH");
  if (path !== undefined && !programExists(program, path)) {
    throw commandError(
      `Cannot connect: there is no program '${program}' (--rsh or BORG_RSH say what connects)`,
    );
  }
  const messages = new RemoteLog(context.reporter);
  const pipe = await startPipe(context, command, messages);
  const { upload_buffer: bufferMiB, upload_ratelimit: kibPerSecond } = context.common;
  const clock = { nowMs: monotonicMs, sleep };
  const transport = kibPerSecond ? limitRate(pipe, kibPerSecond * 1024, clock) : pipe;
  const connection = new RpcConnection(transport, {
    location: location.processed,
    ...(bufferMiB ? { uploadBufferBytes: bufferMiB << 20 } : {}),
    explainEnd: async () => {
      const end = await pipe.end();
      messages.end();
      return explain(end, program);
    },
  });
  const watch = watchSilence(connection, context.reporter);
  using opening = context.atSignal(() => connection.close());
  try {
    const store = await openRemote(connection, {
      ...options,
      path: location.path,
      location: location.processed,
      clientVersion: BORG_VERSION.split(".").map(Number),
      idSets: (id) => new KnownIds(context.files, `${directories(context).cache}/${encodeHex(id)}/ids`),
      closed: () => {
        watch[Symbol.dispose]();
        messages.end();
      },
    });
    return store;
  } catch (error) {
    watch[Symbol.dispose]();
    await connection.close();
    throw error;
  } finally {
    opening[Symbol.dispose]();
  }
}

async function startPipe(
  context: CommandContext,
  command: readonly string[],
  messages: RemoteLog,
): Promise<ChildPipe> {
  try {
    return await ChildPipe.start(command, {
      env: childEnvironment(context.environment()),
      onStderr: (bytes) => messages.push(bytes),
    });
  } catch (error) {
    if (error instanceof OsError) throw commandError(`Cannot run ${command[0]}: ${error.message}`);
    throw error;
  }
}

/** ssh and its arguments, then what the server's shell is to run, as borg puts them together. */
export function remoteCommand(
  context: CommandContext,
  location: Location,
  options: { storageQuota?: number },
): string[] {
  const { common } = context;
  // As for borg, an option that is empty counts for none.
  const rsh = splitRsh((common.rsh || context.env("BORG_RSH")) ?? "ssh");
  const fill = makeFill(context, context.startUs);
  const program = fill((common.remote_path || context.env("BORG_REMOTE_PATH")) ?? "borg");
  const { user, port } = location;
  // ssh takes an IPv6 address without brackets, and must not take a name for an option.
  const host = location.host!.replace(/^\[(.*)\]$/, "$1");
  const destination = user === undefined ? host : `${user}@${host}`;
  if (destination.startsWith("-")) throw commandError(`Cannot connect to '${destination}': not a host name`);
  const topics = common.debug_topics
    .map((topic) => topic.includes(".") ? topic : `borg.debug.${topic}`)
    .filter((topic) => topic.includes("repository"));
  return [
    ...rsh,
    ...(port ? ["-p", String(port)] : []),
    destination,
    program,
    "serve",
    ...(common.log_level === "WARNING" ? [] : [`--${common.log_level.toLowerCase()}`]),
    ...(common.umask === DEFAULT_UMASK ? [] : [`--umask=${common.umask.toString(8).padStart(4, "0")}`]),
    ...topics.map((topic) => `--debug-topic=${topic}`),
    ...(options.storageQuota ? [`--storage-quota=${options.storageQuota}`] : []),
  ];
}

function splitRsh(text: string): string[] {
  let words: string[] = [];
  try {
    words = splitCommand(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (words.length === 0) throw commandError(`--rsh, or BORG_RSH, is not a command: '${text}'`);
  return words;
}

function explain({ exitCode, signal }: ChildEnd, program: string): string {
  if (signal !== null) return `${program} was ended by ${signal}`;
  switch (exitCode) {
    case 0:
      return "the server ended without a word; is borg, or Alcove, working there?";
    case NOT_FOUND:
      return "a program was not found: is borg, or Alcove, installed on the server? --remote-path says where";
    case SSH_FAILED:
      return `${program} could not connect, or was cut off (exit code ${exitCode})`;
    default:
      return `the server ended with exit code ${exitCode}`;
  }
}
