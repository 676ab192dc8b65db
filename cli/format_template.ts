/**
 * `--format` templates: `{key}`, `{key:spec}` with Python's format language for text and whole numbers, and strftime
 * patterns for times. A template is compiled once and used for every line.
 */
import { UsageError } from "../core/errors.ts";
import { formatLocalTime, humanTime, strftime } from "./local_time.ts";
import { padText } from "./placeholders.ts";

/** An instant; printed like borg prints times unless the template has a strftime pattern for it. */
export class TimeValue {
  constructor(readonly us: number) {}

  format(spec: string): string {
    return spec === "" ? humanTime(this.us) : strftime(formatLocalTime(this.us, "local"), spec);
  }
}

export type TemplateValue = string | number | TimeValue;

/** Keys that every template knows. */
export const FIXED_KEYS: Readonly<Record<string, string>> = {
  LF: "\n",
  SPACE: " ",
  TAB: "\t",
  CR: "\r",
  NUL: "\0",
  NEWLINE: "\n",
  NL: "\n",
};

/** Literal text, or a key with its format. */
export type TemplatePart = string | { readonly key: string; readonly spec: string };

export class Template {
  readonly #parts: TemplatePart[] = [];
  /** Keys that the template uses, fixed ones left out. */
  readonly keys = new Set<string>();

  /** Throws UsageError where the template does not parse or uses a key that is not among `known`. */
  constructor(text: string, known: ReadonlySet<string>) {
    const pattern = /\{\{|\}\}|\{([^{}:!]*)(?:![rsa])?(?::([^{}]*))?\}|[{}]|[^{}]+/g;
    for (const [whole, key, spec] of text.matchAll(pattern)) {
      if (key !== undefined) this.#addKey(key, spec ?? "", known);
      else if (whole === "{{" || whole === "}}") this.#parts.push(whole[0]!);
      else if (whole === "{" || whole === "}") {
        throw new UsageError("Error", [
          "Cannot use the format: it has a single brace, write {{ or }} for one in the text",
        ]);
      } else this.#parts.push(whole);
    }
  }

  #addKey(key: string, spec: string, known: ReadonlySet<string>): void {
    const fixed = FIXED_KEYS[key];
    if (fixed !== undefined) {
      this.#parts.push(padText(fixed, spec));
      return;
    }
    if (!known.has(key)) {
      throw new UsageError("Error", [
        `Cannot use the format: it has an unknown key '${key}', --help lists the known ones`,
      ]);
    }
    this.keys.add(key);
    this.#parts.push({ key, spec });
  }

  get parts(): readonly TemplatePart[] {
    return this.#parts;
  }

  /** `value` is asked once for each place. */
  render(value: (key: string) => TemplateValue): string {
    let text = "";
    for (const part of this.#parts) {
      if (typeof part === "string") text += part;
      else text += formatValue(value(part.key), part.spec);
    }
    return text;
  }
}

/** `value` as `{key:spec}` shows it. */
export function formatValue(value: TemplateValue, spec: string): string {
  if (value instanceof TimeValue) return value.format(spec);
  if (spec === "") return String(value);
  if (typeof value === "string") return padText(value, spec);
  const match = /^(?:(.)?([<>^=]))?([+ ]?)(0?)(\d+)?(,?)d?$/.exec(spec);
  if (!match) throw new UsageError("Error", [`A format cannot show a number as "${spec}"`]);
  const [, fill, align = ">", sign, zero, width = "0", comma] = match;
  let digits = comma ? Math.abs(value).toLocaleString("en-US") : String(Math.abs(value));
  const prefix = value < 0 ? "-" : sign ?? "";
  if (zero && !fill) digits = digits.padStart(Number(width) - prefix.length, "0");
  return padText(prefix + digits, `${fill ?? " "}${align === "=" ? ">" : align}${width}`);
}
