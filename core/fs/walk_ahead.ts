/**
 * A walk that runs ahead in a thread of its own: listing folders and asking for each file's stat are most of what an
 * unchanged tree costs, and need not wait for the rest. The thread walks as ever (`walk.ts`) and writes what it meets into a
 * ring; {@link AheadWalker} reads it and is a Walker to its user. Folders are opened by the user's side only when one of their
 * files is to be read, and must prove to be those that were walked.
 */
import { type Attributes, type Files, S_IFMT, S_IFREG, type Stat } from "../platform/mod.ts";
import { OsError } from "../errors.ts";
import { makeRing, type RingBuffers, RingReader, RingStopped, RingWriter } from "./_walk_ring.ts";
import { toArchivePath } from "./archive_path.ts";
import { OpenFolders } from "./_open_folders.ts";
import { onSource } from "./source_error.ts";
import { type WalkEntry, Walker, type WalkOptions, type WalkPlace } from "./walk.ts";
import { walkOptions, type WalkPlan } from "./walk_plan.ts";

const ENTRY = 1;
const FOLDER = 2;
const ENTER = 3;
const EXIT = 4;
const LEFT = 5;
const EXCLUDED = 6;
const FAILED = 7;
const ROOT_FAILED = 8;
const END = 9;
const BROKEN = 10;

const ENTERED = 1;
const MARKED = 2;
const BARE = 4;
const ROOT = 8;
/** Of a folder that the walk is in by a descriptor: not of one on another file system, where it does not go into that. */
const OPEN = 16;

/** About a hundred entries. */
const AHEAD_UNITS = 2048;

/** Folders that each side keeps open: together no more than a walk alone does. */
const MAX_OPEN = 15;

/** What goes to the thread, once for each root. */
export interface ToWalkWorker {
  plan: WalkPlan;
  ring: RingBuffers;
  /** Whether entries are asked for attributes too. */
  attributes: boolean;
}

/** The part of a web worker that is used here. */
export interface WalkWorker {
  postMessage(message: ToWalkWorker): void;
  terminate(): void;
}

/** The thread's side: walks by `message` to the end, or until the reader is gone. */
export function walkAhead(message: ToWalkWorker, files: Files, attributes: Attributes): void {
  const ring = new RingWriter(message.ring);
  try {
    record(message, ring, files, attributes);
  } catch (error) {
    if (!(error instanceof RingStopped)) ring.write(BROKEN, 0, String(error), null);
  }
  ring.post();
}

function record(message: ToWalkWorker, ring: RingWriter, files: Files, attributes: Attributes): void {
  const failed = (kind: number) => (path: string, { code, syscall, path: at, message }: OsError): void =>
    ring.write(kind, 0, JSON.stringify([path, code, syscall, at, message.slice(0, -at.length - 2)]), null);
  const walker = new Walker({
    ...walkOptions(message.plan, files, attributes),
    maxOpenFolders: MAX_OPEN,
    onError: failed(FAILED),
    onRootError: failed(ROOT_FAILED),
    onExcluded: (path) => ring.write(EXCLUDED, 0, path, null),
    onLeave: (path) => ring.write(LEFT, 0, path, null),
    onEnter: (name, stat) => ring.write(ENTER, 0, name, stat),
    onExit: () => ring.write(EXIT, 0, "", null),
  });
  let folder = "";
  try {
    for (let entry = walker.next(); entry !== null; entry = walker.next()) {
      const { path, stat, at, inside } = entry;
      const name = at === undefined ? path : at.name;
      let flags = inside === "entered" ? ENTERED : inside === "marked" ? MARKED : 0;
      if (inside !== undefined && (at === undefined || at.folder !== undefined)) flags |= OPEN;
      if (path.length === name.length) flags |= ROOT;
      else {
        const parent = path.slice(0, path.length - name.length);
        if (parent !== folder) ring.write(FOLDER, 0, folder = parent, null);
      }
      // Files are mostly known to be bare. Only while the reader has enough to do: whoever has time for it asks.
      const ahead = message.attributes && (stat.mode & S_IFMT) !== S_IFREG && ring.backlog >= AHEAD_UNITS;
      if (ahead && at !== undefined && isBare(attributes, at, path)) flags |= BARE;
      ring.write(ENTRY, flags, name, stat);
    }
  } finally {
    walker.close();
  }
  ring.write(END, 0, "", null);
}

function isBare(attributes: Attributes, at: WalkPlace, path: string): boolean {
  return attributes.isBare(at.folder ?? { dir: at.dir, name: at.name, path });
}

/** An entry whose folder is opened when `at` is asked for. */
class AheadEntry implements WalkEntry {
  readonly archivePath: string;
  declare readonly inside?: "entered" | "marked";

  constructor(
    private readonly walker: AheadWalker,
    readonly path: string,
    private readonly name: string,
    readonly stat: Stat,
    private readonly flags: number,
  ) {
    this.archivePath = toArchivePath(path);
    if (flags & ENTERED) this.inside = "entered";
    else if (flags & MARKED) this.inside = "marked";
  }

  get bare(): boolean {
    return (this.flags & BARE) !== 0;
  }

  /** Throws SourceError where the folder was moved away meanwhile. */
  get at(): WalkPlace | undefined {
    const dir = onSource("open", this.path, () => this.walker.openFolder());
    if (dir === null) return undefined;
    return this.flags & OPEN ? { dir, name: ".", folder: dir } : { dir, name: this.name };
  }

  refresh(): WalkEntry {
    const { at, path } = this;
    const stat = onSource("stat", path, () => this.walker.lstat(path, at));
    return { path, archivePath: this.archivePath, stat, ...(at === undefined ? {} : { at }) };
  }
}

export interface AheadOptions {
  files: Files;
  plan: WalkPlan;
  /** Whether entries are asked for attributes too. */
  attributes: boolean;
}

/** Who is told of what; see {@link WalkOptions}. */
export type WalkListeners = Pick<WalkOptions, "onError" | "onRootError" | "onExcluded" | "onLeave">;

export class AheadWalker {
  readonly #ring: RingReader;
  readonly #files: Files;
  readonly #folders: OpenFolders;
  #folder = "";
  #ended = false;

  /** Told of what is no entry, while {@link next} is looking for one. */
  listeners: WalkListeners = {};

  /** Sends `plan` to `worker`, which runs {@link walkAhead} at once. Only where `files.at` is there. */
  constructor(worker: WalkWorker, options: AheadOptions) {
    const { files, plan, attributes } = options;
    const ring = makeRing();
    this.#ring = new RingReader(ring);
    this.#files = files;
    this.#folders = new OpenFolders(files, files.at!, MAX_OPEN);
    worker.postMessage({ plan, ring, attributes });
  }

  /** The next entry, null at the end. An earlier entry's `at` is good until then. */
  next(): WalkEntry | null {
    if (this.#ended) return null;
    for (;;) {
      while (!this.#ring.next());
      const { kind, flags } = this.#ring;
      if (kind === ENTRY) {
        const stat = this.#ring.readStat();
        const name = this.#ring.readText();
        return new AheadEntry(this, flags & ROOT ? name : this.#folder + name, name, stat, flags);
      }
      if (kind === ENTER) {
        const stat = this.#ring.readStat();
        this.#folders.push(this.#ring.readText(), stat, -1);
        continue;
      }
      const text = this.#ring.readText();
      if (kind === FOLDER) this.#folder = text;
      else if (kind === EXIT) this.#folders.pop();
      else if (kind === LEFT) this.listeners.onLeave?.(text);
      else if (kind === EXCLUDED) this.listeners.onExcluded?.(text);
      else if (kind === FAILED || kind === ROOT_FAILED) this.#failed(kind, text);
      else if (kind === END) return this.#end();
      else throw new Error(`Cannot go on: the walk broke down: ${text}`);
    }
  }

  #failed(kind: number, text: string): void {
    const [path, code, syscall, at, words] = JSON.parse(text) as [string, string, string, string, string];
    const { onError, onRootError } = this.listeners;
    const tell = kind === ROOT_FAILED ? onRootError ?? onError : onError;
    tell?.(path, new OsError(code, syscall, at, words));
  }

  #end(): null {
    this.#ended = true;
    this.#folders.clear();
    return null;
  }

  /** Descriptor of the folder that the last entry is in, or is; null where that is a root file. */
  openFolder(): number | null {
    try {
      return this.#folders.current();
    } catch (error) {
      if (!(error instanceof OsError && error.code === "EMFILE" && this.#folders.economise())) throw error;
      return this.#folders.current();
    }
  }

  lstat(path: string, at: WalkPlace | undefined): Stat {
    return at === undefined ? this.#files.lstat(path) : this.#files.at!.lstatAt(at.dir, at.name);
  }

  /** Ends the walk before its end. */
  close(): void {
    this.#ring.stop();
    this.#end();
  }
}
