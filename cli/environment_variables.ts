/**
 * The environment variables of borg 1.4's manual, and our own: what Alcove does with each. The topic `help environment`
 * and the usage pages are made of it; a test compares it with the sources.
 */

export interface EnvironmentVariable {
  readonly name: string;
  readonly group: "general" | "answers" | "directories and files" | "Alcove's own" | "without effect";
  readonly text: string;
}

type Group = EnvironmentVariable["group"];
const of = (group: Group, entries: [string, string][]): EnvironmentVariable[] =>
  entries.map(([name, text]) => ({ name, group, text }));

export const ENVIRONMENT_VARIABLES: readonly EnvironmentVariable[] = [
  ...of("general", [
    ["BORG_REPO", "the repository where none is given; ::ARCHIVE is an archive in it"],
    ["BORG_PASSPHRASE", "the passphrase of keys; also of a new one"],
    ["BORG_PASSCOMMAND", "a command, run without a shell, that prints the passphrase"],
    ["BORG_PASSPHRASE_FD", "number of an open file to read the passphrase from"],
    ["BORG_NEW_PASSPHRASE", "the passphrase for a new key, or a key's new one; looked at before the others"],
    ["BORG_DISPLAY_PASSPHRASE", "the answer to whether a new passphrase that was typed shall be shown"],
    [
      "BORG_EXIT_CODES",
      "modern: each kind of error and warning has its own exit code; else 2 is an error, 1 a warning",
    ],
    ["BORG_HOST_ID", "names this machine in locks, instead of its full name and hardware address"],
    ["BORG_HOSTNAME", "the host name in new archives and for {hostname}"],
    ["BORG_USERNAME", "the user name in new archives and for {user}"],
    ["BORG_RSH", "the command that connects to a server, instead of ssh; --rsh goes before"],
    ["BORG_REMOTE_PATH", "the program to run at the server; --remote-path goes before"],
    ["BORG_FILES_CACHE_SUFFIX", "part of the name of the files cache, to have another one for other sources"],
    ["BORG_FILES_CACHE_TTL", "after how many backups without it a file is forgotten by the files cache (20)"],
    [
      "BORG_LOGGING_CONF",
      "a configuration of Python's logging, which is not followed, and a warning says so; use --log-json and the " +
      "options for levels",
    ],
    ["BORG_SHOW_SYSINFO", "no: says nothing of the system when reporting a bug, and in debug info"],
    [
      "BORG_WORKAROUNDS",
      "a list with commas. authenticated_no_key: reads a repository in an authenticated mode whose key is lost, " +
      "verifying nothing; ignore_invalid_archive_tam: takes an archive with a wrong authentication for one without; " +
      "basesyncfile and retry_erofs: nothing to do, Alcove always works as these ask for",
    ],
  ]),
  ...of("answers", [
    ["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes: uses an unencrypted repository not seen before"],
    ["BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes: uses a repository that was somewhere else before"],
    ["BORG_CHECK_I_KNOW_WHAT_I_AM_DOING", "YES: lets check --repair begin"],
    ["BORG_DELETE_I_KNOW_WHAT_I_AM_DOING", "YES: lets delete remove a whole repository"],
  ]),
  ...of("directories and files", [
    ["BORG_BASE_DIR", "the home folder that all of the following are below"],
    ["BORG_CACHE_DIR", "caches; Alcove's are in a folder alcove below it ($XDG_CACHE_HOME/alcove)"],
    ["BORG_CONFIG_DIR", "keys and security, if not set themselves ($XDG_CONFIG_HOME/borg)"],
    ["BORG_SECURITY_DIR", "what this machine knows of repositories ($BORG_CONFIG_DIR/security)"],
    ["BORG_KEYS_DIR", "key files ($BORG_CONFIG_DIR/keys)"],
    ["BORG_KEY_FILE", "the one key file to use"],
    ["XDG_CACHE_HOME", "see BORG_CACHE_DIR; not looked at where BORG_BASE_DIR is set"],
    ["XDG_CONFIG_HOME", "see BORG_CONFIG_DIR; not looked at where BORG_BASE_DIR is set"],
    ["TMPDIR", "temporary files"],
  ]),
  ...of("Alcove's own", [
    ["ALCOVE_ACCEL", "0: does without this machine's libraries for encryption and compression"],
    ["ALCOVE_WORKERS", "how many threads seal and open large files' chunks; 0: none"],
    ["ALCOVE_BENCHMARK_BYTES", "size of the data of benchmark cpu"],
  ]),
  ...of("without effect", [
    ["BORG_USE_CHUNKS_ARCHIVE", "a cache that Alcove does not have"],
    ["BORG_MSGPACK_VERSION_CHECK", "a library that Alcove does not use"],
    ["BORG_FUSE_IMPL", "libraries that Alcove does not use"],
    ["BORG_SELFTEST", "each kernel is tested before its first use, which takes next to no time"],
  ]),
];

const INDENT = " ".repeat(6);
const WIDTH = 100;

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = INDENT.slice(1);
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = INDENT.slice(1);
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** The table as text: a paragraph of indented lines for each group. */
export function environmentText(): string {
  const groups = new Set(ENVIRONMENT_VARIABLES.map(({ group }) => group));
  const parts = [...groups].map((group) => {
    const variables = ENVIRONMENT_VARIABLES.filter((variable) => variable.group === group);
    const lines = variables.map(({ name, text }) => `  ${name}\n${wrapped(text)}`).join("\n");
    return `${group[0]!.toUpperCase()}${group.slice(1)}:\n\n${lines}`;
  });
  return [
    "Scripts and services steer the program by these variables, which are borg's. Where an option says the same, the",
    "option goes before.\n",
    parts.join("\n\n"),
  ].join("\n");
}
