/**
 * A key blob as lines that people can print and type in again, each with a check sum of its own (the form of borg's
 * `key export --paper`; borg docs, usage/key_export). Pure.
 *
 *     BORG PAPER KEY v1
 *     id: <lines> / <first 18 digits of the repository id> / <12 digits of SHA-256 of the key> - <2 digits>
 *      1: <18 bytes in hexadecimal> - <2 digits of SHA-256 of the line's number (16 bits) and bytes>
 *
 * Digits stand in groups of six; spaces mean nothing.
 */
import { Buffer } from "node:buffer";
import { concatBytes, decodeHex, encodeHex, encodeText } from "../bytes/mod.ts";
import { wrapBase64 } from "./_wrap_base64.ts";
import { sha256 } from "./id_hash.ts";
import { KeyFormatError } from "./key_file.ts";

const LINE_BYTES = 18;
const ID_DIGITS = 18;
const KEY_DIGITS = 12;
const CHECK_DIGITS = 2;

const digest = (bytes: Uint8Array, digits: number): string => encodeHex(sha256(bytes)).slice(0, digits);
const grouped = (digits: string): string => digits.match(/.{1,6}/g)?.join(" ") ?? "";
const compact = (line: string): string => line.replaceAll(" ", "").trim().toLowerCase();

/** The first digits of a repository id, as the id line has them. */
export const paperRepositoryId = (repositoryId: Uint8Array): string =>
  encodeHex(repositoryId).slice(0, ID_DIGITS);

function lineCheck(number: number, bytes: Uint8Array): string {
  return digest(concatBytes(Uint8Array.of(number >> 8, number & 0xff), bytes), CHECK_DIGITS);
}

/** The paper form of `blob` (base64 text), from the heading to the last line. */
export function encodePaperKey(repositoryId: Uint8Array, blob: string): string {
  const binary = new Uint8Array(Buffer.from(blob, "base64"));
  const count = Math.ceil(binary.length / LINE_BYTES);
  const id = paperRepositoryId(repositoryId);
  const whole = digest(binary, KEY_DIGITS);
  const check = digest(encodeText(`${count}/${id}/${whole}`), CHECK_DIGITS);
  const lines = ["BORG PAPER KEY v1", `id: ${count} / ${grouped(id)} / ${grouped(whole)} - ${check}`];
  for (let number = 1; number <= count; number++) {
    const bytes = binary.subarray((number - 1) * LINE_BYTES, number * LINE_BYTES);
    const digits = grouped(encodeHex(bytes));
    lines.push(`${String(number).padStart(2)}: ${digits} - ${lineCheck(number, bytes)}`);
  }
  return `${lines.join("\n")}\n`;
}

/** What the id line says. */
export interface PaperId {
  readonly lines: number;
  /** As {@link paperRepositoryId}. */
  readonly repositoryId: string;
  readonly wholeCheck: string;
}

function split(line: string): [data: string, check: string] {
  const parts = compact(line).split("-");
  if (parts.length !== 2) throw new KeyFormatError("each line must contain exactly one '-', try again");
  return parts as [string, string];
}

/** Reads a typed id line, without "id: ". Throws {@link KeyFormatError} with what to tell the typist. */
export function decodePaperId(line: string): PaperId {
  const [data, check] = split(line);
  const parts = data.split("/");
  if (parts.length !== 3) {
    throw new KeyFormatError("the id line must contain exactly two '/', try again");
  }
  if (digest(encodeText(data), CHECK_DIGITS) !== check || !/^\d+$/.test(parts[0]!)) {
    throw new KeyFormatError("line checksum did not match, try same line again");
  }
  return { lines: Number(parts[0]), repositoryId: parts[1]!, wholeCheck: parts[2]! };
}

/** The bytes of typed line `number`, without "1: ". Throws {@link KeyFormatError} with what to tell the typist. */
export function decodePaperLine(number: number, line: string): Uint8Array {
  const [data, check] = split(line);
  const bytes = decodeHex(data);
  if (bytes === null) throw new KeyFormatError("only characters 0-9 and a-f and '-' are valid, try again");
  if (lineCheck(number, bytes) !== check) {
    throw new KeyFormatError(`line checksum did not match, try line ${number} again`);
  }
  return bytes;
}

/** The blob of all lines; null where the check sum of the whole does not fit. */
export function joinPaperLines(id: PaperId, lines: readonly Uint8Array[]): string | null {
  const binary = concatBytes(...lines);
  return digest(binary, KEY_DIGITS) === id.wholeCheck ? wrapBase64(binary) : null;
}
