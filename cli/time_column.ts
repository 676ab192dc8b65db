/**
 * Times as `list` prints them, for a million lines: local time offsets are looked up once for each quarter of an hour, and
 * the text of the day is kept while the next time lies on the same day.
 */
import { encodeText } from "../core/bytes/mod.ts";
import type { LineBuffer } from "./line_buffer.ts";
import { humanTime, jsonTime, localOffset } from "./local_time.ts";

const QUARTER = 900;
const DAY = 86_400;
/** Years of four digits, from 1970 on: others go the usual way. */
const LAST_SECOND = 253_402_300_799;
const PLACES = 1024;

/** Minutes east of UTC, exactly as the runtime tells them. */
class LocalOffsets {
  readonly #quarters = new Float64Array(PLACES).fill(NaN);
  /** NaN: the offset changes within this quarter. */
  readonly #offsets = new Float64Array(PLACES);

  at(seconds: number): number {
    const quarter = Math.floor(seconds / QUARTER);
    const place = quarter & (PLACES - 1);
    if (this.#quarters[place] !== quarter) {
      const first = offsetAt(quarter * QUARTER);
      this.#quarters[place] = quarter;
      this.#offsets[place] = first === offsetAt((quarter + 1) * QUARTER - 1) ? first : NaN;
    }
    const offset = this.#offsets[place]!;
    return Number.isNaN(offset) ? offsetAt(seconds) : offset;
  }
}

const offsetAt = localOffset;

export class TimeColumn {
  readonly #offsets = new LocalOffsets();
  #day = NaN;
  #dayText: Uint8Array = new Uint8Array(0);

  /** `human`: "Tue, 2026-11-24 06:08:23"; else "2026-11-24T06:08:23.000000". */
  constructor(private readonly human: boolean) {}

  /** `us`: microseconds since 1970. */
  append(out: LineBuffer, us: number): void {
    const seconds = Math.floor(us / 1e6);
    const local = seconds + this.#offsets.at(seconds) * 60;
    if (!(local >= 0 && local <= LAST_SECOND && Number.isInteger(local))) return out.text(this.#text(us));
    const day = Math.floor(local / DAY);
    if (day !== this.#day) {
      this.#day = day;
      this.#dayText = encodeText(this.human ? `${this.#text(us).slice(0, 16)}` : this.#text(us).slice(0, 11));
    }
    out.append(this.#dayText);
    const second = local - day * DAY;
    const minute = Math.floor(second / 60);
    out.digits(Math.floor(minute / 60), 2, ZERO);
    out.byte(COLON);
    out.digits(minute % 60, 2, ZERO);
    out.byte(COLON);
    out.digits(second % 60, 2, ZERO);
    if (this.human) return;
    out.byte(POINT);
    out.digits(us - seconds * 1e6, 6, ZERO);
  }

  #text(us: number): string {
    return this.human ? humanTime(us) : jsonTime(us);
  }
}

const ZERO = 0x30;
const COLON = 0x3a;
const POINT = 0x2e;
