/** The only room that talks to the operating system: files, processes, clock, random numbers, terminals. */
export {
  type FileRange,
  type Files,
  type FilesAt,
  type OpenOptions,
  type ReadDirOptions,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
  type Stat,
} from "./files.ts";
export { openFiles } from "./open_files.ts";
export {
  type AclOptions,
  type Acls,
  type AttributePlace,
  type Attributes,
  type AttributeTarget,
  NoAttributes,
  type PosixAcl,
  type ReadAttributes,
  type ReadOptions,
  SF_APPEND,
  SF_DATALESS,
  SF_IMMUTABLE,
  SF_NOUNLINK,
  UF_APPEND,
  UF_COMPRESSED,
  UF_IMMUTABLE,
  UF_NODUMP,
  UF_NOUNLINK,
} from "./attributes.ts";
export { openAttributes } from "./open_attributes.ts";
export { DarwinAttributes } from "./darwin_attributes.ts";
export { FreebsdAttributes } from "./freebsd_attributes.ts";
export { LinuxAttributes } from "./linux_attributes.ts";
export type { AclNames } from "./posix_acl.ts";
export { PortableFiles } from "./portable.ts";
export { LinuxFiles } from "./linux.ts";
export { WindowsFiles } from "./windows.ts";
export { Host, type HostOptions, isLocalProcessAlive, nodeNumber, setUmask } from "./host.ts";
export { Users, type UsersOptions } from "./users.ts";
export { randomBytes } from "./random.ts";
export { monotonicMs, nowMs, nowUs, sleep, sleepSync, utcOffsetMinutes } from "./clock.ts";
export { childEnvironment, type RunOptions, runProgram, type RunResult } from "./process.ts";
export { type ChildEnd, ChildPipe, type ChildPipeOptions } from "./child_pipe.ts";
export { programExists } from "./find_program.ts";
export { splitCommand } from "./split_command.ts";
export { isTerminal, readLine, readPassphrase, terminalWidth } from "./terminal.ts";
export { onSignal, raise, signalExitCode, type StopSignal } from "./signals.ts";
export { readStdin, writeStderr, writeStdout } from "./stdio.ts";
export { ServerStdio } from "./server_stdio.ts";
export { NOT_YET, PipeInput, STDIN } from "./pipe_input.ts";
export { borrowAccel } from "./accel.ts";
