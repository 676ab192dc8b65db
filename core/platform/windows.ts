/**
 * {@link Files} for Windows, over the portable ones. Never run there by this project's tests, but for what is decided about
 * paths and stats. What differs:
 * - A name from an archive may hold what Windows does not take for part of a name: a backslash would lead out of the
 *   destination, a colon into a hidden stream of another file, "NUL" into a device. Alcove joins names by slashes, so whatever
 *   follows the first slash of a path must be plain names; before it stands what the user or the system said.
 * - Files are opened with all rights shared, as the runtime does it: a backup keeps nobody from writing or deleting.
 * - Where the runtime tells no file id, no two names are taken for names of one file.
 * - There are no owners, FIFOs and device files.
 */
import { osError } from "./_errno.ts";
import { type NodePath, PortableFiles } from "./portable.ts";
import type { Stat } from "./files.ts";

/** Names of devices in every folder, whatever follows the first dot (Microsoft, "Naming Files, Paths, and Namespaces"). */
const DEVICES =
  /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;
/** What no name may hold: control characters and the characters that mean something else in a path. */
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\x01-\x1f<>:"|?*\\]/;

/** Whether Windows would take `name` for a name of one file in the folder that it is looked up in. */
export function isWindowsName(name: string): boolean {
  if (name === "" || name === "." || name === "..") return true;
  // Dots and blanks at the end are dropped, so that ".. " is "..".
  return !FORBIDDEN.test(name) && !/[. ]$/.test(name) && !DEVICES.test(name);
}

/** What is told of a file without an id stands for that file alone. */
export function withoutFalseLinks(stat: Stat): Stat {
  return stat.ino === 0n ? { ...stat, nlink: 1 } : stat;
}

export class WindowsFiles extends PortableFiles {
  protected override nodePath(path: string): NodePath {
    // C:/folder and //server/share as the user may write them.
    const names = path.replace(/^[A-Za-z]:(?=\/)/, "").split("/");
    if (!names.slice(1).every(isWindowsName)) throw osError("EINVAL", "path", path);
    return super.nodePath(path);
  }

  override lstat(path: string): Stat {
    return withoutFalseLinks(super.lstat(path));
  }

  override stat(path: string): Stat {
    return withoutFalseLinks(super.stat(path));
  }

  override fstat(fd: number): Stat {
    return withoutFalseLinks(super.fstat(fd));
  }

  override mkfifo(path: string): void {
    throw osError("ENOTSUP", "mkfifo", path);
  }

  override mknod(path: string): void {
    throw osError("ENOTSUP", "mknod", path);
  }

  override lchown(): void {}

  override fchown(): void {}
}
