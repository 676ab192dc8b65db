/** The keys of `list REPOSITORY --format` and of its JSON (borg docs, usage/list, "keys available"). */
import type { Archive, ArchiveInfo } from "../core/archive/mod.ts";
import { parseTimestamp } from "../core/archive/mod.ts";
import { hexOfId, printable } from "../core/bytes/mod.ts";
import { Template, type TemplateValue, TimeValue } from "./format_template.ts";
import { jsonTime } from "./local_time.ts";
import { quoteCommand } from "./quote.ts";

export const DEFAULT_ARCHIVE_FORMAT = "{archive:<36} {time} [{id}]{NL}";

/** Keys that the manifest answers, and those for which the archive's own metadata must be read. */
const MANIFEST_KEYS = ["archive", "name", "barchive", "id", "time", "start"];
const META_KEYS = ["comment", "bcomment", "hostname", "username", "end", "command_line", "tam"];
const KNOWN = new Set([...MANIFEST_KEYS, ...META_KEYS]);

/** Whole seconds: borg shows archive times without their fraction. */
const wholeSeconds = (timestamp: string): number => Math.floor((parseTimestamp(timestamp) ?? 0) / 1e6) * 1e6;

export class ArchiveFormat {
  readonly #template: Template;

  constructor(format: string) {
    this.#template = new Template(format, KNOWN);
  }

  get needsMeta(): boolean {
    return META_KEYS.some((key) => this.#template.keys.has(key));
  }

  text(info: ArchiveInfo, archive: Archive | null): string {
    return this.#template.render((key) => this.#value(info, archive, key));
  }

  json(info: ArchiveInfo, archive: Archive | null): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    for (const key of [...MANIFEST_KEYS, ...this.#template.keys]) {
      const value = this.#value(info, archive, key);
      object[key] = value instanceof TimeValue ? jsonTime(value.us) : value;
    }
    if (this.#template.keys.has("command_line")) {
      object["command_line"] = archive!.meta.cmdline.map(printable);
    }
    return object;
  }

  #value(info: ArchiveInfo, archive: Archive | null, key: string): TemplateValue {
    switch (key) {
      case "archive":
      case "name":
        return printable(info.name);
      case "barchive":
        return info.name;
      case "id":
        return hexOfId(info.id);
      case "time":
      case "start":
        return new TimeValue(wholeSeconds(info.time));
      case "end":
        return new TimeValue(wholeSeconds(archive!.meta.timeEnd));
      case "comment":
        return printable(archive!.meta.comment);
      case "bcomment":
        return archive!.meta.comment;
      case "hostname":
        return printable(archive!.meta.hostname);
      case "username":
        return printable(archive!.meta.username);
      case "tam":
        return archive!.authenticated ? "verified" : "none";
      default:
        return quoteCommand(archive!.meta.cmdline.map(printable));
    }
  }
}
