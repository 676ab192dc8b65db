/**
 * `REPOSITORY` and `REPOSITORY::ARCHIVE` as borg reads them: a path, `file://…`, `user@host:path` or
 * `ssh://user@host:port/path`, with placeholders; `::ARCHIVE` alone takes the repository from BORG_REPO.
 */
import { posix } from "node:path";

export interface Location {
  /** As typed, before placeholders were replaced. */
  readonly raw: string;
  /** After replacement. */
  readonly processed: string;
  readonly proto: "file" | "ssh";
  readonly user?: string;
  /** As typed; an IPv6 address keeps its brackets. */
  readonly host?: string;
  readonly port?: number;
  readonly path: string;
  readonly archive?: string;
}

const USER = "(?:(?<user>[^@:/]+)@)?";
const HOST = "(?<host>(?!\\[)[^:/]+(?<!\\])|\\[[0-9a-fA-F:.]+\\])";
const NO_DOUBLE_COLON = "(?:[^:]|:(?!:))+";
const ARCHIVE = "(?:::(?<archive>[^/]+))?$";

const SSH = new RegExp(
  `^(?<proto>ssh)://${USER}${HOST}(?::(?<port>\\d+))?(?<path>/${NO_DOUBLE_COLON})${ARCHIVE}`,
);
const FILE = new RegExp(`^(?<proto>file)://(?<path>[^/]*/${NO_DOUBLE_COLON})${ARCHIVE}`);
const SCP = new RegExp(`^(?:${USER}${HOST}:)?(?!:|//|ssh://)(?<path>${NO_DOUBLE_COLON})${ARCHIVE}`);
const FROM_ENVIRONMENT = new RegExp(`^(?:::$|${ARCHIVE})`);

/** `/./x` marks a path relative to the server's working directory; plain normalising would lose the mark. */
function normalize(path: string): string {
  const normal = posix.normalize(path);
  const trimmed = normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
  return path.startsWith("/./") ? `/.${trimmed}` : trimmed;
}

function match(text: string): Omit<Location, "raw" | "processed"> | null {
  const groups = (SSH.exec(text) ?? FILE.exec(text) ?? SCP.exec(text))?.groups;
  if (!groups) return null;
  const { user, host, port, path, archive } = groups;
  return {
    proto: host ? "ssh" : "file",
    path: normalize(path!),
    ...(user ? { user } : {}),
    ...(host ? { host } : {}),
    ...(port ? { port: Number(port) } : {}),
    ...(archive ? { archive } : {}),
  };
}

/** Null where `text` is not a location. `fill` replaces placeholders; `repository` is BORG_REPO. */
export function parseLocation(
  text: string,
  fill: (text: string) => string,
  repository: string | undefined,
): Location | null {
  const processed = fill(text);
  const direct = match(processed);
  if (direct) return { raw: text, processed, ...direct };
  const groups = FROM_ENVIRONMENT.exec(processed)?.groups;
  if (!groups || repository === undefined) return null;
  const filled = fill(repository);
  const base = match(filled);
  if (!base) return null;
  const { archive: _ignored, ...rest } = base;
  const archive = groups["archive"];
  return archive
    ? { raw: repository + text, processed: `${filled}::${archive}`, ...rest, archive }
    : { raw: repository, processed: filled, ...rest };
}

/** The form that messages show and the security directory remembers. */
export function canonicalPath(location: Location): string {
  if (location.proto === "file") return location.path;
  const { user, host, port, path } = location;
  const rooted = path.startsWith("~") ? `/${path}` : path.startsWith("/") ? path : `/./${path}`;
  return `ssh://${user ? `${user}@` : ""}${host}${port ? `:${port}` : ""}${rooted}`;
}
