/** PATH arguments of commands that write or read one file: "-" is standard output, or input. */
import { AppError, OsError } from "../core/errors.ts";
import { readStdin, S_IFDIR, S_IFMT, S_IFREG } from "../core/platform/mod.ts";
import { concatBytes, encodeText } from "../core/bytes/mod.ts";
import { resolve } from "node:path";
import type { CommandContext } from "./context.ts";

export interface OutputOptions {
  /** Permission bits of a new file. */
  mode?: number;
}

/** Creates or replaces `path`; without one, or for "-", all goes to standard output. */
export function writeOutput(
  context: CommandContext,
  path: string | undefined,
  data: Uint8Array,
  options: OutputOptions = {},
): void {
  if (path === undefined || path === "-") return context.printBytes(data);
  const { files, cwd } = context;
  const full = resolve(cwd, path);
  const type = files.exists(full) ? files.stat(full).mode & S_IFMT : S_IFREG;
  if (type === S_IFDIR) throw new AppError("CommandError", [`'${path}' must be a file, not a folder`]);
  // A pipe or terminal cannot be made durable.
  files.writeFile(full, data, { ...options, sync: type === S_IFREG });
}

/** A file, or for "-" standard output, that is written piece by piece. */
export interface Output extends Disposable {
  write(text: string): void;
}

export function openOutput(context: CommandContext, path: string): Output {
  if (path === "-") return { write: (text) => context.print(text), [Symbol.dispose]: () => {} };
  const { files, cwd } = context;
  const fd = files.open(resolve(cwd, path), { write: true, create: true, truncate: true });
  return {
    write: (text) => files.write(fd, encodeText(text)),
    [Symbol.dispose]: () => files.close(fd),
  };
}

/** All of a file, or for "-" of standard input. Throws OsError. */
export function readInput(context: CommandContext, path: string): Uint8Array {
  if (path !== "-") return context.files.readFile(resolve(context.cwd, path));
  const parts: Uint8Array[] = [];
  const part = new Uint8Array(1 << 16);
  for (let length = readStdin(part); length > 0; length = readStdin(part)) parts.push(part.slice(0, length));
  return concatBytes(...parts);
}

/** Like {@link readInput}; what is not there or cannot be read is the fault of the command line. */
export function readGivenFile(context: CommandContext, path: string): Uint8Array {
  try {
    return readInput(context, path);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    const what = error.code === "ENOENT" ? "Input file does not exist" : "Cannot read the input file";
    throw new AppError("CommandError", [`${what}: ${path}`], { cause: error });
  }
}
