/**
 * Which repository a client means, and whether it may have it. In: the path as the client wrote it, and the folders that
 * `borg serve` was told to keep to (--restrict-to-path, --restrict-to-repository). Out: an absolute path without links.
 * What is compared is always the path that will be opened.
 */
import { OsError, RemoteError } from "../errors.ts";

/** The system itself takes no longer ones than 4096 bytes; none is worth that many looks at files. */
const MAX_LENGTH = 32 << 10;

/** What of the machine tells where a path leads. */
export interface PathSource {
  readonly cwd: string;
  /** What "~/" of a location means. */
  readonly home: string;
  /** Home folder of a user, of the present one for ""; null where there is none. */
  homeOf(user: string): string | null;
  /** Where the link at `path` points, null where no link is there. */
  readLink(path: string): string | null;
}

export interface Restrictions {
  /** Repositories may be these folders or lie below them; empty: anywhere. */
  readonly paths: readonly string[];
  /** Repositories must be one of these folders; empty: any. */
  readonly repositories: readonly string[];
}

/** The system itself follows no more than 40 links in one path. */
const MAX_LINKS = 255;
/** Each name of a path is looked up, so the work grows with the square of its length; systems take 4096 bytes at most. */
const MAX_PATH = 1 << 16;

/**
 * The path of the repository that a client calls `text`. Throws PathNotAllowed, which tells the client where its path
 * leads to, as borg does.
 */
export function permittedPath(text: string, restrictions: Restrictions, source: PathSource): string {
  if (text.length > MAX_PATH) throw new RemoteError("PathNotAllowed", [`${text.slice(0, 100)}…`]);
  const path = realPath(expandHome(text, source), source);
  const end = withSlash(path);
  const { paths, repositories } = restrictions;
  const real = (folder: string): string => withSlash(realPath(folder, source));
  // With a slash at the end, so that /repo does not allow /repository.
  if (paths.length > 0 && !paths.some((folder) => end.startsWith(real(folder)))) {
    throw new RemoteError("PathNotAllowed", [path]);
  }
  if (repositories.length > 0 && !repositories.some((folder) => end === real(folder))) {
    throw new RemoteError("PathNotAllowed", [path]);
  }
  return path;
}

/** Locations with a scheme begin with a slash, so "~" and "." may stand behind one. */
function expandHome(text: string, source: PathSource): string {
  if (text.startsWith("/~/")) return join(source.home, text.slice(3));
  if (text.startsWith("~/")) return join(source.home, text.slice(2));
  if (text.startsWith("/~")) return expandUser(text.slice(1), source);
  if (text.startsWith("~")) return expandUser(text, source);
  return text.startsWith("/./") ? text.slice(3) : text;
}

/** "~user/x" below that user's home folder; a name of the current folder where there is no such user. */
function expandUser(text: string, source: PathSource): string {
  const slash = text.indexOf("/");
  const user = slash < 0 ? text.slice(1) : text.slice(1, slash);
  const home = source.homeOf(user);
  if (home === null) return text;
  return home.replace(/\/+$/, "") + (slash < 0 ? "" : text.slice(slash)) || "/";
}

/** As the operating system would resolve it from `folder`. */
function join(folder: string, path: string): string {
  return path.startsWith("/") ? path : withSlash(folder) + path;
}

const withSlash = (path: string): string => path.endsWith("/") ? path : `${path}/`;

/**
 * An absolute path with all links followed, "." and ".." taken out. What does not exist stays as it is written. Throws
 * PathNotAllowed where links lead in a circle: one that was not followed here could lead out of a permitted folder.
 */
export function realPath(path: string, source: Pick<PathSource, "cwd" | "readLink">): string {
  if (path.includes("\0") || path.length > MAX_LENGTH) throw new RemoteError("PathNotAllowed", [path]);
  let real = "";
  let links = 0;
  // What is still to be walked, the next name last.
  const ahead = names(join(source.cwd, path));
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (name === "..") {
      real = real.slice(0, Math.max(0, real.lastIndexOf("/")));
      continue;
    }
    const next = `${real}/${name}`;
    const target = source.readLink(next);
    if (target === null) {
      real = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new RemoteError("PathNotAllowed", [path]);
    if (target.startsWith("/")) real = "";
    ahead.push(...names(target));
  }
  return real || "/";
}

/** Names of a path from its end to its beginning. */
function names(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".").reverse();
}

/** `readLink` of files in the form that is wanted here: null for whatever is no link. */
export function linkReader(files: { readLink(path: string): string }): (path: string) => string | null {
  return (path) => {
    try {
      return files.readLink(path);
    } catch (error) {
      if (error instanceof OsError) return null;
      throw error;
    }
  };
}
