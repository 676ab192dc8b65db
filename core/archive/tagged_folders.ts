/** Folders of an archive that say of themselves that they need no backup, by a file in them (`recreate --exclude-…`). */
import type { Archive } from "./archive.ts";
import { fetchContents } from "./extract.ts";
import type { Item } from "./item.ts";

export interface TagNames {
  /** Marks a cache where its contents begin like this; absent: nothing does. */
  cacheTag?: { readonly name: string; readonly start: Uint8Array };
  /** Marks by its name alone. */
  names: readonly string[];
}

export interface TaggedFolder {
  readonly folder: string;
  /** What marks it. */
  readonly tag: string;
}

const TYPE = 0o170000;
const REGULAR = 0o100000;

/** Marks are looked for among what `select` wants; that of a cache everywhere. */
export async function taggedFolders(
  archive: Archive,
  tags: TagNames,
  select: (path: string) => boolean,
): Promise<TaggedFolder[]> {
  const found: TaggedFolder[] = [];
  /** Cache tags with several names: what is in them stands with the first name. */
  const links: { item: Item; at: TaggedFolder }[] = [];
  const firstNames = new Set<string>();
  for await (const batch of archive.items()) {
    for (const item of batch) {
      const slash = item.path.lastIndexOf("/");
      const [folder, name] = [item.path.slice(0, Math.max(0, slash)), item.path.slice(slash + 1)];
      const at = { folder, tag: item.path };
      if (tags.names.includes(name)) {
        if (select(item.path)) found.push(at);
      } else if (name === tags.cacheTag?.name && (item.mode & TYPE) === REGULAR) {
        if (item.chunks === undefined && item.source !== undefined) {
          links.push({ item, at });
          firstNames.add(item.source);
        } else if (await beginsWith(archive, item, tags.cacheTag.start)) found.push(at);
      }
    }
  }
  if (links.length === 0) return found;
  const caches = new Set<string>();
  for await (const batch of archive.items()) {
    for (const item of batch) {
      if (!firstNames.has(item.path)) continue;
      if (await beginsWith(archive, item, tags.cacheTag!.start)) caches.add(item.path);
    }
  }
  for (const { item, at } of links) if (caches.has(item.source!)) found.push(at);
  return found;
}

async function beginsWith(archive: Archive, item: Item, start: Uint8Array): Promise<boolean> {
  let matched = 0;
  for await (const data of fetchContents(archive.store, archive.codec, item.chunks ?? [])) {
    for (let i = 0; i < data.length && matched < start.length; i++) {
      if (data[i] !== start[matched++]) return false;
    }
    if (matched === start.length) return true;
  }
  return false;
}
