/** What a running command has at hand. Made once by `program.ts`; nothing else reads the process's environment. */
import type { Files, Host, Users } from "../core/platform/mod.ts";
import type { CommonValues } from "./common_options.ts";
import type { PassphraseDescriptor } from "./passphrase_descriptor.ts";
import type { CliReporter } from "./report_base.ts";

export interface CommandContext {
  readonly files: Files;
  readonly host: Host;
  readonly users: Users;
  /** Environment variable, undefined where it is not set. */
  env(name: string): string | undefined;
  /** All of them. */
  environment(): Record<string, string>;
  /** What BORG_PASSPHRASE_FD names; null where it is not set. */
  readonly passphraseDescriptor: PassphraseDescriptor | null;
  readonly common: CommonValues;
  readonly reporter: CliReporter;
  /** Arguments of the process, the program's name first: goes into the archive. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Writes all of it to standard output before it returns. When nobody reads any more the command still does its work. */
  print(text: string): void;
  /** Text in bytes, of a command that has nothing else to do: it ends in peace when nobody reads any more. */
  printBytes(bytes: Uint8Array): void;
  /** Contents of files: that nobody reads them is a failure. Throws OsError. */
  printData(bytes: Uint8Array): void;
  /** The present in microseconds since 1970; strictly that of the start for placeholders. */
  nowUs(): number;
  readonly startUs: number;
  /** What to do before a signal ends the process: give back a lock. Disposing of the answer takes it back. */
  atSignal(cleanUp: () => void | Promise<void>): Disposable;
  /** True once Ctrl-C asked for a clean stop. */
  interrupted(): boolean;
  /** From here on the first Ctrl-C only sets `interrupted`; a second one ends the process at once. */
  stopCleanly(): void;
}
