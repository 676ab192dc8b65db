/** Which {@link Files} this machine gets. */
import { openLibc } from "./_libc.ts";
import type { Files } from "./files.ts";
import { LinuxFiles } from "./linux.ts";
import { PortableFiles } from "./portable.ts";

/**
 * The best implementation that works here: the C library by FFI on Linux (x86-64, arm64), else node's modules. One per
 * thread; it needs no closing.
 */
export function openFiles(): Files {
  return openLibc() === null ? new PortableFiles() : new LinuxFiles();
}
