/** Which {@link Attributes} this machine gets. */
import { openAttributeCalls } from "./_attribute_calls.ts";
import { type Attributes, NoAttributes } from "./attributes.ts";
import { LinuxAttributes } from "./linux_attributes.ts";

/** The best implementation that works here; one per thread, it needs no closing. */
export function openAttributes(): Attributes {
  return openAttributeCalls() === null ? new NoAttributes() : new LinuxAttributes();
}
