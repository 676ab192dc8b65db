/** Which {@link Attributes} this machine gets. */
import process from "node:process";
import { type Attributes, NoAttributes } from "./attributes.ts";
import { DarwinAttributes } from "./darwin_attributes.ts";
import { FreebsdAttributes } from "./freebsd_attributes.ts";
import { LinuxAttributes } from "./linux_attributes.ts";

const SYSTEMS: Readonly<Record<string, () => Attributes>> = {
  linux: () => new LinuxAttributes(),
  darwin: () => new DarwinAttributes(),
  freebsd: () => new FreebsdAttributes(),
};

/** The best implementation that works here; one per thread, it needs no closing. */
export function openAttributes(platform: string = process.platform): Attributes {
  try {
    return SYSTEMS[platform]?.() ?? new NoAttributes();
  } catch {
    // No such library, or FFI is not permitted.
    return new NoAttributes();
  }
}
