/** What the commands that make archives share: who made it, when, which files are shown, and its way into the repository. */
import {
  type ArchiveMeta,
  ArchiveWriter,
  type ArchiveWriterOptions,
  ChunkListRecorder,
  ChunkSink,
  type ChunkSinkOptions,
} from "../core/archive/mod.ts";
import { ChunksIndex } from "../core/local/mod.ts";
import { OsError } from "../core/errors.ts";
import type { CommandContext } from "./context.ts";
import type { Session } from "./session.ts";
import { parseDateTime, usageError } from "./values.ts";

/** Where an archive comes from, as its metadata says. */
export function archiveOrigin(context: CommandContext) {
  return {
    cmdline: [...context.argv],
    hostname: context.env("BORG_HOSTNAME") ?? context.host.hostname,
    username: context.env("BORG_USERNAME") ?? context.host.userName,
    cwd: context.cwd,
  };
}

/** `--list` and `--filter`: no filter shows all letters, an empty one shows none. */
export function showFileStatus(
  context: CommandContext,
  values: { output_list: boolean; output_filter: string | undefined },
): void {
  const { output_list: list, output_filter: filter } = values;
  context.reporter.setFileStatus(list && filter !== "" ? filter ?? "" : null);
}

/** `--timestamp` is a date and time, or a file whose modification time is meant. */
export function resolveTimestamp(context: CommandContext, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return Number(context.files.stat(text).mtimeNs / 1_000_000_000n) * 1e6;
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
  const us = parseDateTime(text);
  if (us === null) throw usageError(`--timestamp: neither a file nor a date and time: '${text}'`);
  return us;
}

export interface NewArchiveOptions
  extends Omit<ArchiveWriterOptions, keyof ReturnType<typeof archiveOrigin> | "timestampUs"> {
  /** Microseconds since 1970; undefined: the present. */
  timestampUs: number | undefined;
  packing: ChunkSinkOptions;
  /** Learns of every chunk that passes. */
  seen: ChunksIndex;
}

/** An archive in the making: where its chunks go, who writes it, and what this machine notes of it. */
export class NewArchive implements Disposable {
  readonly sink: ChunkSink;
  readonly writer: ArchiveWriter;
  readonly #recorder = new ChunkListRecorder(() => new ChunksIndex());

  /** Throws Archive.AlreadyExists. */
  constructor(context: CommandContext, private readonly session: Session, options: NewArchiveOptions) {
    const { timestampUs, packing, seen, ...about } = options;
    const { store, codec, manifest } = session;
    this.sink = new ChunkSink(store, codec, seen, packing);
    const into = { store, codec, manifest, sink: this.sink, recorder: this.#recorder, nowUs: context.nowUs };
    try {
      this.writer = new ArchiveWriter(into, {
        ...about,
        ...archiveOrigin(context),
        ...(timestampUs === undefined ? {} : { timestampUs }),
      });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** It is complete: notes which chunks it has. */
  noteChunks({ stats }: ArchiveMeta): void {
    this.#recorder.keep(this.session.chunkLists(), this.writer.id!, stats!);
  }

  [Symbol.dispose](): void {
    this.#recorder.dispose();
    this.sink.dispose();
  }
}
