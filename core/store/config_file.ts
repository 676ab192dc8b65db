/**
 * The `config` file on disk. In: the repository's folder. Out: its {@link RepositoryConfig}. A replaced configuration
 * may have held a key, so the old contents are written over after the new ones are in place.
 */
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError, RepositoryError } from "../errors.ts";
import { log } from "../report.ts";
import { RepositoryConfig } from "./config.ts";
import type { StoreEnv } from "./env.ts";
import { eraseFile, replaceFile } from "./save_file.ts";

/** Failures of link(2) that mean "this file system has no hard links". */
const NO_LINKS = new Set(["EMLINK", "ENOSYS", "EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "EIO"]);

/** Throws Repository.InvalidRepository without a config file, InvalidRepositoryConfig with one that is not readable. */
export function readConfig(env: StoreEnv, repository: string): RepositoryConfig {
  let bytes;
  try {
    bytes = env.files.readFile(`${repository}/config`);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (error.code === "EACCES") throw new RepositoryError("Repository.PathPermissionDenied", [repository]);
    if (error.code !== "ENOENT" && error.code !== "EISDIR") throw error;
    throw new RepositoryError("Repository.InvalidRepository", [repository], { cause: error });
  }
  return RepositoryConfig.decode(repository, decodeText(bytes));
}

/** Replaces the config file durably. */
export function writeConfig(env: StoreEnv, repository: string, config: RepositoryConfig): void {
  const { files } = env;
  const path = `${repository}/config`;
  const old = `${repository}/config.old`;
  if (files.exists(old)) eraseFile(env, old);
  if (files.exists(path)) linkOld(env, path, old);
  const bytes = encodeText(config.encode());
  replaceFile(env, path, (fd) => files.write(fd, bytes));
  if (files.exists(old)) eraseFile(env, old);
}

/** Keeps a name for the old contents, so that they can be reached and erased after the replacement. */
function linkOld(env: StoreEnv, path: string, old: string): void {
  try {
    env.files.link(path, old);
  } catch (error) {
    if (!(error instanceof OsError) || !NO_LINKS.has(error.code)) throw error;
    log(
      env.reporter,
      "WARNING",
      "Cannot erase the old repository configuration securely: no hard links here; a key may stay on the disk",
    );
  }
}
