/** `key import`: brings a key back from its copy. */
import {
  decodeKeyFile,
  decodePaperId,
  decodePaperLine,
  joinPaperLines,
  KeyFormatError,
  type PaperId,
  paperRepositoryId,
} from "../core/crypto/mod.ts";
import { decodeText, encodeText } from "../core/bytes/mod.ts";
import { KeyError } from "../core/errors.ts";
import { readLine, writeStderr } from "../core/platform/mod.ts";
import type { CommandContext } from "./context.ts";
import { KEY_REPOSITORY, keyPath } from "./key_arguments.ts";
import { readGivenFile } from "./output_file.ts";
import { openStore } from "./session.ts";
import type { Command, CommandSpec } from "./spec.ts";
import { commandError } from "./values.ts";

interface ImportValues {
  location: string;
  path: string | undefined;
  paper: boolean;
}

const spec: CommandSpec = {
  name: "key import",
  summary: "bring the repository's key back from a copy",
  description:
    `Restores a key that key export, borg's or Alcove's, has written. It takes the place of the key that
is there.

With --paper you type the lines of a printed copy; each is checked before the next is asked for. There is then no PATH.

In the keyfile modes the key goes to the file in BORG_KEY_FILE, else over the key file of this repository in the folder of
keys, else into a new file there.`,
  options: [{ flags: ["--paper"], name: "paper", help: "type in a copy made with --paper" }],
  positionals: [KEY_REPOSITORY, keyPath("the copy; - reads standard input")],
};

async function run(context: CommandContext, raw: Record<string, unknown>): Promise<void> {
  const { location, path, paper } = raw as unknown as ImportValues;
  await using session = await openStore(context, location, { archive: false, unlocked: true });
  const key = await session.storedKey();
  if (paper && path !== undefined) {
    throw commandError("Cannot import from a file with --paper: the lines are typed in");
  }
  if (!paper && path === undefined) {
    throw commandError("Cannot import a key: name the file that has it, or type it in with --paper");
  }
  const blob = paper
    ? typedKey(context, key.repositoryId)
    : fileKey(readGivenFile(context, path!), key.repositoryId);
  if (blob !== null) await key.save(blob);
}

function fileKey(contents: Uint8Array, repositoryId: Uint8Array): string {
  const text = decodeText(contents).replaceAll("\r\n", "\n");
  const found = decodeKeyFile(encodeText(text), repositoryId);
  if (found.kind === "key") return found.blob;
  throw new KeyError(found.kind === "other repository" ? "RepoIdMismatch" : "NotABorgKeyFile");
}

/** The typist has given up. */
class Aborted extends Error {}

/** Asks for the lines of a paper copy until they fit; null where the typist gives up, which is no error. */
function typedKey(context: CommandContext, repositoryId: Uint8Array): string | null {
  try {
    for (;;) {
      const id: PaperId = ask(context, "id: ", decodePaperId);
      if (id.repositoryId !== paperRepositoryId(repositoryId)) throw new KeyError("RepoIdMismatch");
      const lines: Uint8Array[] = [];
      for (let number = 1; number <= id.lines; number++) {
        const prompt = `${String(number).padStart(2)}: `;
        lines.push(ask(context, prompt, (line) => decodePaperLine(number, line)));
      }
      const blob = joinPaperLines(id, lines);
      if (blob !== null) return blob;
      context.print("The overall checksum did not match, retry or enter a blank line to abort.\n");
    }
  } catch (error) {
    if (!(error instanceof Aborted)) throw error;
    context.print("\n - aborted\n");
    return null;
  }
}

/** The value of a typed line; asks again until `decode` takes it. */
function ask<T>(context: CommandContext, prompt: string, decode: (line: string) => T): T {
  for (;;) {
    context.print(prompt);
    const line = readLine();
    if (line === null) throw new Aborted();
    if (line.trim() === "") {
      writeStderr(encodeText("Abort import? [yN]:"));
      const answer = readLine();
      if (answer === null || /^(y|yes|1|true|on)$/i.test(answer.trim())) throw new Aborted();
    }
    try {
      return decode(line);
    } catch (error) {
      if (!(error instanceof KeyFormatError)) throw error;
      context.print(`${error.message}\n`);
    }
  }
}

export const command: Command = { spec, run };
