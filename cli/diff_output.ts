/** Differences between archives as borg tells them, as text and as JSON, and what they can be sorted by. */
import { type Change, type Item, itemSize, type PathDiff } from "../core/archive/mod.ts";
import { printable } from "../core/bytes/mod.ts";
import { formatSize } from "./format_size.ts";
import { modeText, toUs } from "./item_format.ts";
import { humanTime, jsonTime } from "./local_time.ts";
import { pythonJson } from "./python_json.ts";

/** Contents that only are stored otherwise are no change to tell of. */
const isChange = (change: Change): boolean =>
  !(change.type === "modified" && change.added === 0 && change.removed === 0);

export function diffText({ path, changes }: PathDiff): string {
  return `${changes.filter(isChange).map(changeText).join(" ").padEnd(19)} ${printable(path)}\n`;
}

export function diffJson({ path, changes }: PathDiff): string {
  return `${
    pythonJson({ path: printable(path), changes: changes.filter(isChange).map(changeJson) }, "sorted")
  }\n`;
}

const signed = (bytes: number): string => formatSize(bytes, false, { digits: 1, sign: true }).padStart(9);
const name = (text: string | null): string => text === null ? "None" : printable(text);

function changeText(change: Change): string {
  switch (change.type) {
    case "added":
    case "removed":
      if ("what" in change) return `${change.type} ${change.what}`;
      // Both are as wide as the two sizes of a modification.
      return `${change.type} ${formatSize(change.size).padStart(change.type === "added" ? 13 : 11)}`;
    case "modified":
      if (change.added === undefined) return "modified";
      return `${signed(change.added)} ${signed(-change.removed!)}`;
    case "owner": {
      const { from, to } = change;
      return `[${name(from.user)}:${name(from.group)} -> ${name(to.user)}:${name(to.group)}]`;
    }
    case "mode":
      return `[${modeText(change.from)} -> ${modeText(change.to)}]`;
    case "ctime":
    case "mtime":
      return `[${change.type}: ${humanTime(toUs(safe(change.from)))} -> ${humanTime(toUs(safe(change.to)))}]`;
    default:
      return change.type;
  }
}

function changeJson(change: Change): Record<string, unknown> {
  const { type } = change;
  switch (type) {
    case "added":
    case "removed":
      return "what" in change ? { type: `${type} ${change.what}` } : { type, size: change.size };
    case "owner":
      return {
        type,
        old_user: change.from.user,
        old_group: change.from.group,
        new_user: change.to.user,
        new_group: change.to.group,
      };
    case "mode":
      return { type, old_mode: modeText(change.from), new_mode: modeText(change.to) };
    case "ctime":
    case "mtime":
      return {
        type,
        [`old_${type}`]: jsonTime(toUs(safe(change.from))),
        [`new_${type}`]: jsonTime(toUs(safe(change.to))),
      };
    default:
      return { ...change };
  }
}

const LAST_NS = 2n ** 63n - 1n;
/** What lies outside of what can be shown is shown as the nearest that can. */
const safe = (ns: bigint): bigint => ns < 0n ? 0n : ns > LAST_NS ? LAST_NS : ns;

type SortValue = string | number | bigint;

const added = ({ changes }: PathDiff): number => sizeOf(changes, "added");
const removed = ({ changes }: PathDiff): number => sizeOf(changes, "removed");

function sizeOf(changes: readonly Change[], which: "added" | "removed"): number {
  let bytes = 0;
  for (const change of changes) {
    if (change.type === "modified") bytes += change[which] ?? 0;
    else if (change.type === which && "size" in change) bytes += change.size;
  }
  return bytes;
}

const time = (item: Item | null, key: "ctime" | "mtime"): bigint => item?.[key] ?? 0n;

/** By the state in the second archive; what is not there has none. */
const SORT_KEYS: Record<string, (diff: PathDiff) => SortValue> = {
  path: ({ path }) => printable(path),
  size_added: added,
  size_removed: removed,
  size_diff: (diff) => added(diff) - removed(diff),
  size: ({ to }) => to === null ? 0 : itemSize(to),
  user: ({ to }) => to?.user ?? "",
  group: ({ to }) => to?.group ?? "",
  uid: ({ to }) => to?.uid ?? -1,
  gid: ({ to }) => to?.gid ?? -1,
  ctime: ({ to }) => time(to, "ctime"),
  mtime: ({ to }) => time(to, "mtime"),
  ctime_diff: ({ from, to }) => time(to, "ctime") - time(from, "ctime"),
  mtime_diff: ({ from, to }) => time(to, "mtime") - time(from, "mtime"),
};

/** The fields of `--sort-by`. Throws RangeError. */
export function parseSortFields(text: string): string[] {
  const fields = text.split(",").map((field) => field.trim()).filter((field) => field !== "");
  if (fields.length === 0) throw new RangeError("no field to sort by");
  for (const field of fields) {
    if (!Object.hasOwn(SORT_KEYS, field.replace(/^[<>]/, ""))) {
      throw new RangeError(`unknown field '${field}', known are: ${Object.keys(SORT_KEYS).join(", ")}`);
    }
  }
  return fields;
}

/** In place; what is equal by all `fields` keeps its order. ">" before a field means the largest first. */
export function sortDiffs(diffs: PathDiff[], fields: readonly string[]): void {
  for (const field of fields.toReversed()) {
    const key = SORT_KEYS[field.replace(/^[<>]/, "")]!;
    const direction = field.startsWith(">") ? -1 : 1;
    const keyed = diffs.map((diff) => ({ diff, value: key(diff) }));
    keyed.sort((a, b) => direction * compare(a.value, b.value));
    for (const [i, { diff }] of keyed.entries()) diffs[i] = diff;
  }
}

/** Texts by code points, as Python does. */
function compare(a: SortValue, b: SortValue): number {
  if (typeof a !== "string" || typeof b !== "string") return a < b ? -1 : a > b ? 1 : 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return byCodePoint(x) - byCodePoint(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for what lies behind all other units. */
const byCodePoint = (unit: number): number =>
  unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
