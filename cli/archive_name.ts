/** Names of archives that are typed on their own, without a repository in front. */
import { usageError } from "./values.ts";

/** `name` (placeholders already replaced) if an archive can have it; throws CommandError. */
export function requireNewName(name: string): string {
  if (name === "" || name.includes("/") || name.includes("::")) {
    throw usageError(
      `an archive cannot have the name '${name}': it must not be empty, nor contain / or ::`,
    );
  }
  return name;
}
