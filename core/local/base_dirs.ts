/**
 * Where things live on this machine, by borg's environment variables (borg docs, usage/general/environment.rst.inc,
 * "Directories and files") and the XDG ones. In: the environment. Out: folders; nothing is created or looked at. Key files
 * and the security directory are borg's own and shared with it; what Alcove can rebuild lies in a folder of its own.
 * A variable that is set to nothing counts as not set.
 */
import { posix } from "node:path";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface BaseDirsOptions {
  env: Environment;
  /** For a relative BORG_KEY_FILE. */
  currentDirectory: string;
  /** Effective user id; null where the system has none. */
  uid: number | null;
  /** Home folder of a user by id or name from the system's user list, null where unknown. */
  homeOf(user: number | string): string | null;
}

export interface BaseDirs {
  /** Key files of all repositories. */
  readonly keys: string;
  /** What is trusted of each repository, one folder per repository id. */
  readonly security: string;
  /** borg's own cache. Alcove does not use it. */
  readonly borgCache: string;
  /** Alcove's caches, which may be deleted at any time. */
  readonly cache: string;
  /** The one key file to use whatever the repository, absolute; null where none is named. */
  readonly keyFile: string | null;
}

/** Throws nothing: where no home can be found, "/" stands in, as a last resort that will fail visibly. */
export function baseDirs(options: BaseDirsOptions): BaseDirs {
  const { env } = options;
  const home = homeFolder(options);
  // An explicit base folder holds everything; the XDG variables then do not apply.
  const xdg = (name: string, usual: string) =>
    (env["BORG_BASE_DIR"] ? undefined : env[name]) || posix.join(home, usual);
  const config = env["BORG_CONFIG_DIR"] || posix.join(xdg("XDG_CONFIG_HOME", ".config"), "borg");
  const cacheHome = xdg("XDG_CACHE_HOME", ".cache");
  const borgCache = env["BORG_CACHE_DIR"] || posix.join(cacheHome, "borg");
  const keyFile = env["BORG_KEY_FILE"];
  return {
    keys: env["BORG_KEYS_DIR"] || posix.join(config, "keys"),
    security: env["BORG_SECURITY_DIR"] || posix.join(config, "security"),
    borgCache,
    // Who moves borg's cache (a service without a home) wants ours there as well; borg looks at ids only.
    cache: posix.join(env["BORG_CACHE_DIR"] || cacheHome, "alcove"),
    keyFile: keyFile ? posix.resolve(options.currentDirectory, keyFile) : null,
  };
}

/** Where key files of predecessors lie. */
export interface OldKeyDirs {
  /** Those of attic. */
  readonly attic: string;
  /** Those of borg before 1.0. */
  readonly borg0: string;
}

export function oldKeyDirs(options: BaseDirsOptions): OldKeyDirs {
  const home = homeFolder(options);
  return {
    attic: options.env["ATTIC_KEYS_DIR"] || posix.join(home, ".attic", "keys"),
    borg0: options.env["BORG_KEYS_DIR"] || posix.join(home, ".borg", "keys"),
  };
}

/** The folder that `~` of borg's locations means. */
export function homeFolder({ env, uid, homeOf, currentDirectory }: BaseDirsOptions): string {
  if (env["BORG_BASE_DIR"]) return env["BORG_BASE_DIR"];
  const home = env["HOME"];
  if (home) {
    // Mount helpers run with root's HOME in an ordinary user's name; that is not where the user's keys are.
    const rootHome = uid === null || uid === 0 ? null : homeOf(0);
    const misleading = rootHome !== null &&
      posix.resolve(currentDirectory, home) === posix.resolve(currentDirectory, rootHome);
    if (!misleading) return home;
    const own = homeOf(uid!);
    if (own) return own;
  }
  const user = env["USER"];
  return (user ? homeOf(user) : null) ?? (uid === null ? null : homeOf(uid)) ?? env["USERPROFILE"] ?? "/";
}
