/** Names of archives that are typed on their own, without a repository in front. */
import { usageError } from "./values.ts";

/** Whether it names an archive and nothing else. */
export function isArchiveName(text: string): boolean {
  return text !== "" && !text.includes("/") && !text.includes("::");
}

/** `name` (placeholders already replaced) if an archive can have it; throws CommandError. */
export function requireNewName(name: string): string {
  if (!isArchiveName(name)) {
    throw usageError(
      `an archive cannot have the name '${name}': it must not be empty, nor contain / or ::`,
    );
  }
  return name;
}
