/** Whether there is a program of that name, looked for as a shell does. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";

/** `path` is the variable PATH. On Windows, where names have endings, everything counts as there. */
export function programExists(name: string, path: string | undefined): boolean {
  if (process.platform === "win32") return true;
  const places = name.includes("/")
    ? [name]
    : (path ?? "").split(delimiter).map((folder) => join(folder, name));
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK);
      return statSync(place).isFile();
    } catch {
      return false;
    }
  });
}
