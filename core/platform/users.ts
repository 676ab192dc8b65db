/**
 * Names of users and groups and their numbers. The files passwd(5) and group(5) are read once; whom they do not know is
 * asked of the C library, which also knows directory services. Answers are kept, so a walk over millions of files asks once
 * per owner.
 */
import { NAME_AT, type NameService, NUMBER_AT, openNameService } from "./_name_service.ts";
import { decodeText, encodeText } from "../bytes/mod.ts";
import { OsError } from "../errors.ts";
import type { Files } from "./files.ts";

export interface UsersOptions {
  passwdPath?: string;
  groupPath?: string;
  /** Whether to ask the C library for what the files lack; default true. */
  nameService?: boolean;
}

/** One of the two tables, both ways. */
class NameTable {
  readonly #names = new Map<number, string | null>();
  readonly #numbers = new Map<string, number | null>();

  constructor(
    text: string,
    private readonly findName: (number: number) => string | null,
    private readonly findNumber: (name: string) => number | null,
  ) {
    for (const line of text.split("\n")) {
      const [name, , digits] = line.split(":");
      // Lines of NIS begin with + or -; comments with #.
      if (!name || /^[+#-]/.test(name) || digits === undefined || !/^\d+$/.test(digits)) continue;
      const number = Number(digits);
      // The first of several entries counts, as in getpwuid(3).
      if (!this.#names.has(number)) this.#names.set(number, name);
      if (!this.#numbers.has(name)) this.#numbers.set(name, number);
    }
  }

  name(number: number): string | null {
    let name = this.#names.get(number);
    if (name === undefined) {
      name = this.findName(number);
      this.#names.set(number, name);
    }
    return name;
  }

  number(name: string): number | null {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.findNumber(name);
      this.#numbers.set(name, number);
    }
    return number;
  }
}

export class Users {
  readonly #users: NameTable;
  readonly #groups: NameTable;

  readonly #passwd: string;

  constructor(files: Files, options: UsersOptions = {}) {
    this.#passwd = readTable(files, options.passwdPath ?? "/etc/passwd");
    const service = options.nameService === false ? null : openNameService();
    this.#users = new NameTable(
      this.#passwd,
      (uid) => nameAt(service?.getpwuid(uid)),
      (name) => numberAt(service, (asked) => asked.getpwnam(cString(name))),
    );
    this.#groups = new NameTable(
      readTable(files, options.groupPath ?? "/etc/group"),
      (gid) => nameAt(service?.getgrgid(gid)),
      (name) => numberAt(service, (asked) => asked.getgrnam(cString(name))),
    );
  }

  /** null where nobody has that number. */
  userName(uid: number): string | null {
    return this.#users.name(uid);
  }

  groupName(gid: number): string | null {
    return this.#groups.name(gid);
  }

  /** null where nobody has that name; the empty name is nobody's. */
  userId(name: string): number | null {
    return name === "" ? null : this.#users.number(name);
  }

  groupId(name: string): number | null {
    return name === "" ? null : this.#groups.number(name);
  }

  /** Home folder of a user by number or name, as passwd(5) has it; null where it does not know. */
  homeOf(user: number | string): string | null {
    for (const line of this.#passwd.split("\n")) {
      const [name, , uid, , , home] = line.split(":");
      if (home && (typeof user === "number" ? uid === String(user) : name === user)) return home;
    }
    return null;
  }
}

function readTable(files: Files, path: string): string {
  try {
    return decodeText(files.readFile(path));
  } catch (error) {
    // A system without such files: the C library may know, or numbers have to do.
    if (error instanceof OsError) return "";
    throw error;
  }
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  // A name cannot hold a zero character; one that does is nobody's, and so is its start.
  return encodeText(text.includes("\0") ? "\0" : `${text}\0`) as Uint8Array<ArrayBuffer>;
}

function nameAt(entry: Deno.PointerValue | undefined): string | null {
  if (entry === null || entry === undefined) return null;
  const name = new Deno.UnsafePointerView(entry).getPointer(NAME_AT);
  return name === null ? null : new Deno.UnsafePointerView(name).getCString();
}

function numberAt(
  service: NameService | null,
  find: (service: NameService) => Deno.PointerValue,
): number | null {
  const entry = service === null ? null : find(service);
  return entry === null ? null : new Deno.UnsafePointerView(entry).getUint32(NUMBER_AT);
}
