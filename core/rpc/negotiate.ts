/** The first words with a server (borg's remote protocol): which protocol it speaks, and which repository is wanted. */
import { MANIFEST_ID, type Unpacked } from "../bytes/mod.ts";
import { RemoteError } from "../errors.ts";
import { RemoteStore } from "./client_store.ts";
import type { RpcArguments, RpcConnection } from "./connection.ts";
import { RemoteFailure, unexpected } from "./remote_errors.ts";
import type { IdSets } from "./remote_ids.ts";

export interface OpenRemoteOptions {
  /** As the server shall resolve it. */
  path: string;
  /** For messages. */
  location: string;
  /** Make it: nothing may be there yet. */
  create?: boolean;
  makeParentDirs?: boolean;
  appendOnly?: boolean;
  exclusive: boolean;
  lock: boolean;
  /** Infinity for ever. */
  lockWaitSeconds: number;
  /** Version of borg that we speak for: major, minor, patch. */
  clientVersion: readonly number[];
  /** Where ids of the repository with this id are remembered. */
  idSets(id: Uint8Array): IdSets;
  /** Called when the store is closed. */
  closed?(): void;
}

type Early = { manifest?: Promise<Unpacked>; key?: Promise<Unpacked>; nonce?: Promise<Unpacked> };

/** What a server of 1.0 or older answers to `negotiate`: the number of the protocol. */
const OLD_PROTOCOL = 2;
/** The mark of a release in borg's version tuples (alphas and candidates have smaller numbers). */
const FINAL = -1;

export class ServerVersion {
  constructor(private readonly numbers: readonly number[]) {}

  get text(): string {
    return this.numbers.slice(0, 3).join(".");
  }

  atLeast(...wanted: readonly number[]): boolean {
    for (const [i, number] of wanted.entries()) {
      const have = this.numbers[i] ?? 0;
      if (have !== number) return have > number;
    }
    return true;
  }

  /** Throws RPCServerOutdated. */
  require(what: string, ...wanted: readonly number[]): void {
    if (this.atLeast(...wanted)) return;
    throw new RemoteError("RemoteRepository.RPCServerOutdated", [what, wanted.join(".")]);
  }
}

/** Agrees on the protocol. */
export async function negotiate(
  connection: RpcConnection,
  clientVersion: readonly number[],
): Promise<ServerVersion> {
  const data = new Map([["client_version", [...clientVersion, FINAL]]]);
  const answer = await connection.call("negotiate", [["client_data", data]]);
  if (answer === OLD_PROTOCOL) return new ServerVersion([1, 0, 8]);
  const numbers = answer instanceof Map ? answer.get("server_version") : undefined;
  if (!Array.isArray(numbers) || !numbers.every((part): part is number => typeof part === "number")) {
    throw unexpected("negotiate");
  }
  connection.dialect = "named";
  return new ServerVersion(numbers);
}

/** Opens, or creates, the repository. */
export async function openRemote(
  connection: RpcConnection,
  options: OpenRemoteOptions,
): Promise<RemoteStore> {
  let version = await negotiate(connection, options.clientVersion);
  const { path, location } = options;
  if (options.makeParentDirs) version.require("open make_parent_dirs", 1, 1, 9);
  if (options.appendOnly) version.require("open append_only", 1, 0, 7);
  const args: RpcArguments = [
    ["path", path],
    ["create", options.create ?? false],
    ["lock_wait", Number.isFinite(options.lockWaitSeconds) ? options.lockWaitSeconds : null],
    ["lock", options.lock],
    ["exclusive", options.exclusive],
    ["append_only", options.appendOnly ?? false],
    ["make_parent_dirs", options.makeParentDirs ?? false],
  ];
  let id: Unpacked;
  let early: Early = {};
  try {
    const opening = connection.call("open", args);
    if (!options.create && connection.dialect === "named") early = askEarly(connection, options);
    id = await opening;
  } catch (error) {
    // Before 1.0.7 a server took four arguments, and tells so in its language's way.
    const tooMany = error instanceof RemoteFailure && error.remoteClass === "TypeError";
    if (connection.dialect !== "positional" || !tooMany) throw error;
    version = new ServerVersion([1, 0, 6]);
    if (options.appendOnly) version.require("open append_only", 1, 0, 7);
    id = await connection.call("open", args.slice(0, 4));
  }
  if (!(id instanceof Uint8Array) || id.length !== 32) throw unexpected("open");
  const { closed = () => {} } = options;
  return new RemoteStore({ connection, version, id, location, idSets: options.idSets(id), closed, ...early });
}

/** Almost everybody asks for these first, and whoever writes for the nonce: so many round trips less. */
function askEarly(connection: RpcConnection, options: { exclusive: boolean }): Early {
  const early: Early = {
    manifest: connection.call("get", [["id", MANIFEST_ID]]),
    key: connection.call("load_key"),
    ...(options.exclusive ? { nonce: connection.call("get_free_nonce") } : {}),
  };
  // Whoever needs one hears of its failure.
  for (const answer of Object.values(early)) answer.catch(() => {});
  return early;
}
