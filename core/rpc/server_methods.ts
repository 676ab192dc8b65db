/**
 * What a client may call once its repository is open: borg's methods with borg's names of arguments, and the order that
 * these had before 1.1 (observed on borg 1.2 and 1.4). Each becomes one call of the store; the answer goes back as it is.
 */
import { type ChunkId, ID_LENGTH, type Packable } from "../bytes/mod.ts";
import { AppError } from "../errors.ts";
import type { Awaitable, StoreDeleter } from "../store/mod.ts";
import type { CallArguments } from "./call_arguments.ts";

/** A store that can be served. */
export interface ServedStore extends StoreDeleter {
  /** What `get` answers, valid until the next call. */
  view(id: ChunkId): Awaitable<Uint8Array>;
  /** Up to `limit` ids, packed, of objects in the order of the medium, after that of `marker`. */
  listInLogOrder(limit: number, marker?: ChunkId): Awaitable<Uint8Array>;
}

/** The open repository, as methods see it. */
export interface Served {
  readonly store: ServedStore;
  /** Removes all locks of the repository. */
  breakLock(): Awaitable<void>;
  /** Tells the client what its commit has freed. */
  compacted(freedBytes: number): void;
}

export interface ServerMethod {
  /** Names of the arguments in their old order. */
  readonly positions: readonly string[];
  /** Short work, answered many times a second: its answer may wait for those of the next calls. */
  readonly quick?: true;
  run(served: Served, args: CallArguments): Awaitable<Packable>;
}

/** An answer of more ids than this cannot be read by anybody; clients ask for 100,000 at most. */
const MAX_IDS = 1_000_000;
/** Keys have less than a thousand bytes; what lies in the configuration counts against no quota. */
const MAX_KEY_BYTES = 64 << 10;
const NEWLINE = 0x0a;
const FRACTION_OF_A_PERCENT = 1e6;

export const SERVER_METHODS: Readonly<Record<string, ServerMethod>> = {
  __len__: { positions: [], run: ({ store }) => store.count() },

  check: {
    positions: ["repair", "save_space"],
    async run({ store }, args) {
      const { ok } = await store.check({
        repair: args.flag("repair", false),
        saveSpace: args.flag("save_space", false),
        maxDurationSeconds: args.number("max_duration", 0),
      });
      return ok;
    },
  },

  commit: {
    positions: ["save_space"],
    async run({ store, compacted }, args) {
      // Clients before 1.2 do not say it, and count on it: they have no command of its own for it.
      if (!args.flag("compact", true)) await store.commit();
      else {
        const threshold = args.number("threshold", 0.1);
        // A tenth is not exactly ten hundredths in binary.
        const thresholdPercent = Math.round(100 * threshold * FRACTION_OF_A_PERCENT) / FRACTION_OF_A_PERCENT;
        const cleanupCommits = args.flag("cleanup_commits", false);
        const { freedBytes } = await store.compact({ thresholdPercent, cleanupCommits });
        if (!store.appendOnly && freedBytes !== null) compacted(freedBytes);
      }
      return null;
    },
  },

  rollback: { positions: [], run: ({ store }) => nothing(store.rollback()) },
  destroy: { positions: [], run: ({ store }) => nothing(store.destroy()) },

  list: {
    positions: ["limit", "marker"],
    run: ({ store }, args) => idList(store, args, (limit) => store.list(limit, args.optionalId("marker"))),
  },

  scan: {
    positions: ["limit", "marker"],
    run: ({ store }, args) =>
      idList(store, args, (limit) => store.listInLogOrder(limit, args.optionalId("marker"))),
  },

  get: { positions: ["id"], quick: true, run: ({ store }, args) => store.view(args.id("id")) },
  put: {
    positions: ["id", "data"],
    quick: true,
    run: ({ store }, args) => nothing(store.put(args.id("id"), args.bytes("data"))),
  },
  delete: { positions: ["id"], quick: true, run: ({ store }, args) => nothing(store.delete(args.id("id"))) },

  save_key: {
    positions: ["keydata"],
    run: ({ store }, args) => nothing(store.saveKey(keyText(args.bytes("keydata")))),
  },
  load_key: { positions: [], run: async ({ store }) => await store.loadKey() ?? new Uint8Array(0) },

  break_lock: { positions: [], run: (served) => nothing(served.breakLock()) },

  get_free_nonce: { positions: [], run: ({ store }) => store.getFreeNonce() },
  commit_nonce_reservation: {
    positions: ["next_unreserved", "start_nonce"],
    run: ({ store }, args) =>
      nothing(
        store.commitNonceReservation(args.counter("next_unreserved"), args.optionalCounter("start_nonce")),
      ),
  },
};

/** Null when `work` is done. */
function nothing(work: Awaitable<void>): Awaitable<null> {
  return work instanceof Promise ? work.then(() => null) : null;
}

/**
 * A key as it is stored: lines of visible ASCII. It goes into the repository's configuration, where other characters could
 * say more than a key should.
 */
function keyText(blob: Uint8Array): Uint8Array {
  const visible = (byte: number): boolean => byte === NEWLINE || (byte >= 0x20 && byte < 0x7f);
  if (blob.length > MAX_KEY_BYTES || !blob.every(visible)) {
    throw new AppError("Error", ["Cannot store the key: it is no key"]);
  }
  return blob;
}

/** One page of packed ids as a list. */
async function idList(
  store: ServedStore,
  args: CallArguments,
  list: (limit: number) => Awaitable<Uint8Array>,
): Promise<Uint8Array[]> {
  const limit = args.limit("limit");
  if (limit > MAX_IDS && await store.count() > MAX_IDS) {
    throw new AppError("Error", [`Cannot list more than ${MAX_IDS} objects at once: a limit is needed`]);
  }
  const ids = await list(Math.min(limit, MAX_IDS));
  return Array.from(
    { length: ids.length / ID_LENGTH },
    (_, i) => ids.subarray(i * ID_LENGTH, (i + 1) * ID_LENGTH),
  );
}
