/** Which {@link Files} this machine gets. */
import process from "node:process";
import { DarwinFiles } from "./darwin.ts";
import type { Files } from "./files.ts";
import { FreebsdFiles } from "./freebsd.ts";
import { LinuxFiles } from "./linux.ts";
import { PortableFiles } from "./portable.ts";
import { WindowsFiles } from "./windows.ts";

const SYSTEMS: Readonly<Record<string, () => Files>> = {
  linux: () => new LinuxFiles(),
  darwin: () => new DarwinFiles(),
  freebsd: () => new FreebsdFiles(),
  win32: () => new WindowsFiles(),
};

/**
 * The best implementation that works here: the C library by FFI on Linux, macOS and FreeBSD (x86-64, arm64), else node's
 * modules. One per thread; it needs no closing.
 */
export function openFiles(platform: string = process.platform): Files {
  try {
    return SYSTEMS[platform]?.() ?? new PortableFiles();
  } catch {
    // No such library, one without a function that is needed, or FFI is not permitted: what node can do has to suffice.
    return new PortableFiles();
  }
}
