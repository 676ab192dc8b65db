/**
 * The lines of `list ARCHIVE`, compiled: each part of a template becomes a function that appends its bytes straight from
 * the packed item. What has no such function (digests, strftime patterns, unusual paddings), and items of unusual form,
 * go the slower way through {@link ItemFormat}, which is the reference for all of it.
 */
import { FIELD, type Item, ItemView } from "../core/archive/mod.ts";
import { encodeText, printable } from "../core/bytes/mod.ts";
import { formatValue, type TemplateValue } from "./format_template.ts";
import { ALWAYS_IN_JSON, type ItemFormat, jsonValue, modeText, NOT_IN_JSON, toUs } from "./item_format.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { pythonJson } from "./python_json.ts";
import { TimeColumn } from "./time_column.ts";

type Append = (view: ItemView, out: LineBuffer) => void;

/** Shows values as text padded by a `spec`, or as JSON. */
interface Style {
  json: boolean;
  spec: string;
}

const FILE_TYPE = 0o170000;
const SYMLINK = 0o120000;
/** What JSON as Python writes it escapes. */
const JSON_SPECIAL = new Uint8Array(256);
JSON_SPECIAL.fill(1, 0, 0x20);
JSON_SPECIAL[0x22] = JSON_SPECIAL[0x5c] = JSON_SPECIAL[0x7f] = 1;

export class ItemLines {
  readonly #appends: readonly Append[];
  /** The item as an object, where the line at hand has needed it. */
  #item: Item | null = null;

  constructor(private readonly format: ItemFormat, private readonly json: boolean) {
    this.#appends = json ? this.#jsonParts() : this.#textParts();
  }

  /** The line of an item. Its digests, if the template has any, must be prepared. */
  append(item: ItemView | Item, out: LineBuffer): void {
    this.#item = null;
    if (item instanceof ItemView) { for (const append of this.#appends) append(item, out); }
    else out.text(this.json ? `${this.format.json(item)}\n` : this.format.text(item));
    out.lineDone();
  }

  #textParts(): Append[] {
    return this.format.parts.map((part) =>
      typeof part === "string" ? literal(part) : this.#value(part.key, { json: false, spec: part.spec })
    );
  }

  #jsonParts(): Append[] {
    const { keys } = this.format;
    const order = new Set([
      ...["archivename", "archiveid"].filter((key) => keys.has(key)),
      ...ALWAYS_IN_JSON,
    ]);
    for (const key of keys) if (!NOT_IN_JSON.has(key)) order.add(key);
    const appends: Append[] = [];
    for (const key of order) {
      appends.push(literal(`${appends.length === 0 ? "{" : ", "}${JSON.stringify(key)}: `));
      appends.push(this.#value(key, { json: true, spec: "" }));
    }
    return [...appends, literal("}\n")];
  }

  #value(key: string, style: Style): Append {
    return this.#quick(key, style) ?? this.#slow(key, style);
  }

  /** null where there is no quick way. */
  #quick(key: string, style: Style): Append | null {
    const { spec } = style;
    switch (key) {
      case "user":
        return nameColumn(FIELD.user, FIELD.uid, style);
      case "group":
        return nameColumn(FIELD.group, FIELD.gid, style);
      case "mode":
        return modeColumn(style, (text) => text);
      case "type":
        return modeColumn(style, (_text, mode) => modeText(mode)[0]!);
      case "archiveid":
      case "archivename":
        return literal(show(this.format.value(NO_ITEM, key), style));
      case "healthy": {
        const [yes, no] = [encodeText("true"), encodeText("false")];
        return (view, out) => out.append(view.has(FIELD.chunks_healthy) ? no : yes);
      }
    }
    const number = NUMBERS[key];
    if (number) {
      const width = /^>?(\d{0,3})$/.exec(spec)?.[1];
      // A zero in front means another filling.
      if (width === undefined || width.startsWith("0")) return null;
      return (view, out) => out.digits(number(view), Number(width));
    }
    if (spec !== "") return null;
    if (key === "path") return style.json ? jsonPath : textPath;
    if (key === "extra" || key === "source" || key === "linktarget") {
      return whereSource(this.#slow(key, style), style);
    }
    return timeColumn(key, style);
  }

  #slow(key: string, style: Style): Append {
    return (view, out) => {
      this.#item ??= view.item();
      out.text(show(this.format.value(this.#item, key), style));
    };
  }
}

function show(value: TemplateValue, style: Style): string {
  return style.json ? pythonJson(jsonValue(value)) : formatValue(value, style.spec);
}

/** For keys that do not look at the item. */
const NO_ITEM: Item = { path: "", mode: 0, uid: 0, gid: 0, user: null, group: null, mtime: 0n };

function literal(text: string): Append {
  const bytes = encodeText(text);
  return (_view, out) => out.append(bytes);
}

const NUMBERS: Record<string, (view: ItemView) => number> = {
  uid: (view) => view.integer(FIELD.uid),
  gid: (view) => view.integer(FIELD.gid),
  flags: (view) => view.integer(FIELD.bsdflags),
  size: (view) => view.contentSize(),
  num_chunks: (view) => view.openChunks(FIELD.chunks),
  csize(view) {
    if ((view.integer(FIELD.mode) & FILE_TYPE) === SYMLINK) return view.contentSize();
    let size = 0;
    for (let count = view.openChunks(FIELD.chunks); count > 0; count--) {
      view.nextChunk();
      size += view.chunkCsize;
    }
    return size;
  },
};

/** A user's or group's name, or where there is none its number. The last one is kept: it hardly ever changes. */
function nameColumn(name: number, number: number, style: Style): Append {
  const columns = new Map<string | number, Uint8Array>();
  let last: Uint8Array = new Uint8Array(0);
  let column: Uint8Array | null = null;
  const find = (value: string | number): Uint8Array => {
    let found = columns.get(value);
    if (!found) columns.set(value, found = encodeText(show(value, style)));
    return found;
  };
  return (view, out) => {
    const length = view.textLength(name);
    if (length === 0) return out.append(find(view.integer(number)));
    const start = view.textStart(name);
    if (column === null || !sameBytes(view.bytes, start, length, last)) {
      last = view.bytes.slice(start, start + length);
      column = find(view.text(name)!);
    }
    out.append(column);
  };
}

function sameBytes(bytes: Uint8Array, start: number, length: number, other: Uint8Array): boolean {
  if (other.length !== length) return false;
  for (let i = 0; i < length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}

/** "-rw-r--r--", with "h" in front for the further names of a file. */
function modeColumn(style: Style, choose: (text: string, mode: number) => string): Append {
  const columns = new Map<number, Uint8Array>();
  return (view, out) => {
    const mode = view.integer(FIELD.mode);
    const link = view.textLength(FIELD.source) > 0 && (mode & FILE_TYPE) !== SYMLINK;
    const key = link ? -1 - mode : mode;
    let column = columns.get(key);
    if (!column) {
      const text = modeText(mode);
      column = encodeText(show(choose(link ? `h${text.slice(1)}` : text, mode), style));
      columns.set(key, column);
    }
    out.append(column);
  };
}

function textPath(view: ItemView, out: LineBuffer): void {
  const done = out.ascii(view.bytes, view.textStart(FIELD.path), view.textLength(FIELD.path));
  if (!done) out.text(printable(view.text(FIELD.path)!));
}

function jsonPath(view: ItemView, out: LineBuffer): void {
  out.byte(QUOTE);
  if (out.ascii(view.bytes, view.textStart(FIELD.path), view.textLength(FIELD.path), JSON_SPECIAL)) {
    out.byte(QUOTE);
  } else out.text(pythonJson(printable(view.text(FIELD.path)!)).slice(1));
}

const QUOTE = 0x22;

/** Nothing for the many items that are not links. */
function whereSource(append: Append, style: Style): Append {
  const nothing = encodeText(style.json ? '""' : "");
  return (view, out) => view.textLength(FIELD.source) === 0 ? out.append(nothing) : append(view, out);
}

function timeColumn(key: string, style: Style): Append | null {
  const iso = key.startsWith("iso");
  const name = iso ? key.slice(3) : key;
  if (name !== "mtime" && name !== "ctime" && name !== "atime") return null;
  const column = new TimeColumn(!iso && !style.json);
  const field = FIELD[name];
  if (!style.json) return (view, out) => column.append(out, toUs(view.nanoseconds(field)));
  return (view, out) => {
    out.byte(QUOTE);
    column.append(out, toUs(view.nanoseconds(field)));
    out.byte(QUOTE);
  };
}
