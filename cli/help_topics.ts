/**
 * The pages of `help TOPIC` that belong to no single command. Paragraphs are wrapped where they are shown; lines that
 * begin with spaces stay as they are. Deno's `docs` task makes pages and manual pages of them too.
 */

import { environmentText } from "./environment_variables.ts";

export interface HelpTopic {
  readonly name: string;
  readonly summary: string;
  readonly text: string;
}

const PATTERNS = `
Patterns say which paths a command means. They are compared with paths as an archive holds them: without a slash in front,
without "." and "..". What create /home/anna reads is called home/anna/… in the archive, and ../src/x is called src/x. Where
a path is given as /stripped/./kept, patterns still see stripped/kept/….

A pattern has a style, named by two letters and a colon in front of it:

  fm:  fnmatch. * stands for any characters, slashes included, ? for one, [a-z] for one of these, [!a-z] for one that
       is not. [*] means a star itself. The pattern must match the whole path, or its beginning up to a slash.
       The style of --exclude and --exclude-from where none is named.
  sh:  shell. As fm:, but * and ? stop at slashes, and **/ stands for any number of folders.
       The style of --pattern and --patterns-from where none is named.
  re:  regular expression. Matches anywhere in the path; anchor it by ^ and $.
  pp:  path prefix. The folder itself and all below it.
  pf:  full path. This one path. Such patterns are looked up before all others, whatever their place, and cost nothing
       however many there are.

An fm: or sh: pattern with a slash at its end means what is in the folder, but not the folder itself.

--exclude PATTERN leaves out what matches. --exclude-from FILE reads such patterns, one in a line; empty lines and lines
that begin with # do not count, blanks around a pattern neither.

--pattern LINE and --patterns-from FILE can include as well. The first character of a line says what it does:

  + PATTERN   include what matches
  - PATTERN   exclude what matches
  ! PATTERN   exclude it and do not even look below it: faster, but no + can bring back what is there
  R PATH      read this path: a root, as if it stood on the command line
  P STYLE     the style of the lines that follow, to the end of the file

The first line that matches decides, and a path that no line matches is included. The command line's patterns come first, in
their order, then those of --patterns-from, then those of --exclude-from.

A file may be included whose folder is excluded; its folder's owner and permissions are then not in the archive.

Quote patterns, so that the shell leaves them alone, and try them by create --dry-run --list.

  Without all object files, and without what is in .cache:
    alcove create -e '*.o' -e 'sh:home/*/.cache/' REPO::ARCHIVE /home
  One year's pictures, but for the good ones:
    alcove create --pattern '+ pics/2018/good' --pattern '- pics/2018' REPO::ARCHIVE pics
  All from a file:
    alcove create --patterns-from FILE REPO::ARCHIVE
  with FILE:
    R /
    + etc
    + pf:home/anna/keep.iso
    - **/*.iso
    - home/*/.cache
    ! re:^(dev|proc|run|sys|tmp)/
`;

const PLACEHOLDERS = `
Locations, --prefix, --glob-archives, --comment and --remote-path may contain words in braces that are replaced:

  {hostname}      this machine's name up to the first dot (or BORG_HOSTNAME)
  {fqdn}          its full name
  {reverse-fqdn}  the same with its parts in reverse order
  {now}           the local date and time of the start, as 2026-11-24T06:00:00
  {utcnow}        the same in UTC
  {unixtime}      the same in seconds since 1970
  {user}          the user's name (or BORG_USERNAME)
  {pid}           number of the process
  {uuid4}         a random identifier, another one each time
  {borgversion}, {borgmajor}, {borgminor}, {borgpatch}
                  the version of borg's command line that Alcove speaks: all of it, its first number, two, three

{now:FORMAT} and {utcnow:FORMAT} take a format as strftime has it: {now:%Y-%m-%d_%H:%M}. Write {{ and }} where braces
themselves are meant. In a systemd unit double the percent signs, because systemd replaces single ones.

    alcove create REPO::{hostname}-{now:%Y-%m-%d} /home
    alcove list --glob-archives '{hostname}-*' REPO
`;

const COMPRESSION = `
--compression says how new data is compressed. All kinds can stand in one repository: chunks are found again by what they
contain, not by what they became, so data that is stored already stays as it is. recreate --recompress changes it.

  none        not at all
  lz4         very fast, compresses a little (used where nothing is said)
  zstd[,L]    from fast to small. L: 1 to 22, 3 where it is not given
  zlib[,L]    medium in both. L: 0 to 9, 6 where it is not given
  lzma[,L]    slow and small. L: 0 to 9, 6 where it is not given; more than 6 gains nothing with chunks of this size
  auto,C[,L]  tries each chunk with lz4: compresses by C what lz4 could make smaller, and stores the rest as it is
  obfuscate,SPEC,C[,L]
              compresses by C, then adds bytes so that the sizes of chunks tell less about the files. Makes the repository
              larger, and is of no use without encryption.

SPEC of obfuscate:

  1 to 6      a random factor: a chunk becomes larger by 0.01 to 100 times (1), 0.1 to 1000 times (2), … , 1000 to
              10 million times (6); large factors are rare
  110 to 123  random bytes, up to 1 KiB (110), 2 KiB (111), … , 8 MiB (123)
  250         Padmé: rounds the size up to one of few steps, by 12 % at most; always the same for the same chunk

    alcove create --compression zstd,10 REPO::ARCHIVE PATH
    alcove create --compression auto,lzma,6 REPO::ARCHIVE PATH
    alcove create --compression obfuscate,110,auto,zstd REPO::ARCHIVE PATH
`;

const REMOTE = `
A repository at a server is named in one of two ways:

  USER@HOST:PATH             PATH begins at the home folder of USER, unless it begins with a slash
  ssh://USER@HOST:PORT/PATH  PATH begins at the root; /~/PATH at the home folder of USER, /./PATH at the folder in which
                             the server's shell starts

USER@ and :PORT may be missing: ssh and its settings then decide. An IPv6 address stands in brackets.

Alcove runs ssh, and ssh runs "borg serve" there, or another program that speaks the same protocol:

  BORG_RSH, --rsh                  what is run in the place of ssh, and its options. The port (-p PORT), the host and the
                                   command for the server are put behind it.
  BORG_REMOTE_PATH, --remote-path  the program in the place of borg

    export BORG_RSH='ssh -i ~/.ssh/backup' BORG_REMOTE_PATH=alcove
    alcove init --encryption repokey-blake2 ssh://backup@nas.example/srv/backup/host1
    alcove create ssh://backup@nas.example/srv/backup/host1::{now} /home

Connections that fall silent. While a server compacts or checks, or a client reads what is stored already, nothing is sent for
minutes, and some routers forget such a connection. Let ssh send something, so that they do not, and so that each end notices
within five minutes that the other is gone: only then the server gives the lock back.

  In the client's ~/.ssh/config:
    Host nas.example
      ServerAliveInterval 10
      ServerAliveCountMax 30
  In the server's /etc/ssh/sshd_config:
    ClientAliveInterval 10
    ClientAliveCountMax 30

A backup that was cut off is started again; what its last checkpoint had stored is not sent a second time. With --lock-wait 600
it waits until the server has noticed.

A key that can do nothing else. A line in ~/.ssh/authorized_keys at the server:

    command="alcove serve --append-only --restrict-to-path /srv/backup/host1",restrict ssh-ed25519 AAAA...

Who has the key can then use repositories at or below that path and run nothing else, and can remove nothing for good.
"alcove help serve" tells how to go back to what was, and what to mind before compact is run at the server.

A server that fetches. Where a machine cannot, or must not, connect to the server, the server connects to it: it offers the
repository at a socket, and takes that along through its own ssh. Both need socat, and a folder for the socket that nobody
else can enter.

  At both:
    mkdir -m 700 /run/alcove
  At the server:
    socat UNIX-LISTEN:/run/alcove/repo.sock,fork EXEC:"alcove serve --append-only --restrict-to-path /srv/backup/host1"
  At the server, in another terminal:
    ssh -R /run/alcove/repo.sock:/run/alcove/repo.sock host1
  At host1, through that ssh:
    export BORG_RSH="sh -c 'exec socat STDIO UNIX-CONNECT:/run/alcove/repo.sock'"
    alcove create ssh://server/srv/backup/host1::{now} /home
    rm /run/alcove/repo.sock

The location still names a host, which nobody connects to: take always the same. The last line is needed because ssh leaves
the socket behind and takes no place that is taken, unless host1's sshd_config says "StreamLocalBindUnlink yes".
`;

export const HELP_TOPICS: readonly HelpTopic[] = [
  { name: "compression", summary: "the notation of --compression", text: COMPRESSION },
  {
    name: "environment",
    summary: "the variables that steer the program",
    get text() {
      return environmentText();
    },
  },
  { name: "patterns", summary: "how to say which paths are meant", text: PATTERNS },
  { name: "placeholders", summary: "words in braces that are replaced", text: PLACEHOLDERS },
  { name: "remote", summary: "repositories at a server", text: REMOTE },
];
