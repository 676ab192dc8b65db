/** Paths as the user gives them and as they stand in an archive (borg docs, usage/create; borg 1.4 stores them local). */

/**
 * `path` without empty and "." elements, ".." resolved by text alone, no slash at the end, "." for nothing: Python's
 * normpath, because borg's item paths are made by it. Exactly two leading slashes stay, as POSIX reserves them.
 */
export function normalizePath(path: string): string {
  const slashes = /^\/\/(?!\/)/.test(path) ? "//" : path.startsWith("/") ? "/" : "";
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (slashes === "" && parts.length === 0) || parts.at(-1) === "..") parts.push(part);
    else parts.pop();
  }
  return slashes + parts.join("/") || ".";
}

/** What an archive stores for a normalised path: relative, without leading "..": "." for the root. */
export function toArchivePath(path: string): string {
  const first = path.charCodeAt(0);
  // Nearly all are relative names already: neither a slash nor a dot in front.
  if (first !== 0x2f && first !== 0x2e) return path;
  const second = path.charCodeAt(1);
  if (first === 0x2f && second !== 0x2f && second !== 0x2e) return path.slice(1) || ".";
  return path.replace(/^(?:(?:\.\.)?\/+)+/, "") || ".";
}

/** `name` in the folder `path`, both normalised. */
export function joinPath(path: string, name: string): string {
  if (path === ".") return name;
  return path.endsWith("/") ? path + name : `${path}/${name}`;
}
