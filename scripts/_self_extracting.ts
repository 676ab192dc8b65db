/**
 * The self-extracting form of the program: one file that a POSIX shell runs. In: the Deno executable and a bundle. Out:
 *
 *     0        HEADER_BYTES
 *     | script | member | member ... |     each member: one gzip stream, a multiple of BLOCK_BYTES long
 *
 * The script unpacks the members once into a folder of the user's cache directory that is named after their contents.
 * Each file is written under a temporary name and renamed. Before every start it verifies the hash of each file, and that
 * nobody but the user (or root) may write to the folder or to a folder above it; otherwise it refuses. The streams are
 * padded by a comment in their gzip header, so that `dd` can cut them out in whole blocks.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import type { Bundle } from "./_bundle.ts";

const BLOCK_BYTES = 4096;
/** Room for the script, whose length depends on the offsets it contains. */
const HEADER_BYTES = 4 * BLOCK_BYTES;

export interface SelfExtractingOptions {
  output: string;
  bundle: Bundle;
  version: string;
  /** The Deno executable to carry. */
  deno: string;
  /** Options of `deno run`. */
  runOptions: readonly string[];
}

interface Member {
  name: string;
  sha256: string;
  stream: Uint8Array;
}

/** A gzip stream of `data` whose length is a multiple of BLOCK_BYTES (RFC 1952, 2.3: FLG.FCOMMENT). */
function paddedGzip(data: Uint8Array): Uint8Array {
  const plain = gzipSync(data, { level: 6 });
  const padding = BLOCK_BYTES - plain.length % BLOCK_BYTES;
  const stream = new Uint8Array(plain.length + padding).fill(0x20);
  stream.set(plain.subarray(0, 10));
  stream[3] = 0x10;
  stream[10 + padding - 1] = 0;
  stream.set(plain.subarray(10), 10 + padding);
  return stream;
}

function member(name: string, data: Uint8Array): Member {
  return { name, sha256: createHash("sha256").update(data).digest("hex"), stream: paddedGzip(data) };
}

/** Writes the file, executable. */
export function writeSelfExtracting(options: SelfExtractingOptions): void {
  const { bundle } = options;
  const members = [
    member("deno", Deno.readFileSync(options.deno)),
    ...bundle.names.map((name) => member(name, Deno.readFileSync(join(bundle.folder, name)))),
  ];
  const script = new TextEncoder().encode(headerScript(members, options));
  if (script.length > HEADER_BYTES) throw new Error(`The script is ${script.length} bytes long, too much`);
  const header = new Uint8Array(HEADER_BYTES).fill(0x0a);
  header.set(script);
  const temporary = `${options.output}.new`;
  using file = Deno.openSync(temporary, { write: true, create: true, truncate: true, mode: 0o755 });
  for (const part of [header, ...members.map(({ stream }) => stream)]) {
    for (let at = 0; at < part.length;) at += file.writeSync(part.subarray(at));
  }
  Deno.renameSync(temporary, options.output);
}

function headerScript(members: readonly Member[], options: SelfExtractingOptions): string {
  let block = HEADER_BYTES / BLOCK_BYTES;
  const unpackLines = members.map(({ name, stream }) => {
    const first = block;
    block += stream.length / BLOCK_BYTES;
    return `  unpack_one ${name} ${first} ${block - first}`;
  });
  const sums = members.map(({ sha256 }) => sha256);
  const id = createHash("sha256").update(`${options.version} ${sums.join(" ")}`).digest("hex").slice(0, 32);
  return SCRIPT
    .replace("@VERSION@", options.version)
    .replace("@ID@", id)
    .replace("@NAMES@", members.map(({ name }) => name).join(" "))
    .replace("@SUMS@", sums.join(" "))
    .replace("@UNPACK@", unpackLines.join("\n"))
    .replace("@RUN@", options.runOptions.join(" "))
    .replace("@MAIN@", options.bundle.main);
}

const SCRIPT = String.raw`#!/bin/sh
# Alcove @VERSION@, self-extracting: the program and its runtime follow this script as compressed data.
set -f
fail() { printf 'alcove: %s\n' "$1" >&2; exit 2; }

me=$0
uid=$(id -u)
names='@NAMES@'
sums='@SUMS@'
hasher=
for try in 'openssl dgst -sha256 -r' 'sha256sum' 'shasum -a 256' 'sha256 -r'; do
  command -v "\${try%% *}" >/dev/null 2>&1 && hasher=$try && break
done
[ -n "$hasher" ] || fail "Cannot verify the program: there is no openssl, sha256sum, shasum or sha256"
case \${XDG_CACHE_HOME:-} in
/*) base=$XDG_CACHE_HOME ;;
*) base=\${HOME:?"alcove needs HOME or XDG_CACHE_HOME"}/.cache ;;
esac

# Succeeds when nobody but this user (and root) can change what lies in the folder $1 or put another in its place: it is
# the user's, closed to all others, and the folders above it are closed to writers or keep them from renaming (sticky).
# From then on the folder is known by its physical path, the one that was looked at.
private() {
  [ ! -h "$1" ] && [ -d "$1" ] || return 1
  chain=$(cd -P "$1" 2>/dev/null && pwd -P) || return 1
  set -- $(ls -ldn "$chain/")
  [ "$3" = "$uid" ] || return 1
  case $1 in drwx------*) ;; *) return 1 ;; esac
  home=$chain
  while [ -n "$chain" ]; do
    chain=\${chain%/*}
    set -- $(ls -ldn "$chain/")
    case $3 in "$uid" | 0) ;; *) return 1 ;; esac
    case $1 in d????-??-* | d????????[tT]*) ;; *) return 1 ;; esac
  done
}

# Prints the hashes of files, in the order given, each followed by a blank.
hashes() {
  $hasher "$@" | while read -r sum rest; do printf '%s ' "$sum"; done
}

all_there() {
  for name in $names; do [ -f "$name" ] || return 1; done
}

sound() {
  [ "$(cd "$home" 2>/dev/null && all_there && hashes $names)" = "$sums " ]
}

unpack_one() {
  dd if="$me" bs=4096 skip="$2" count="$3" 2>/dev/null | gzip -dc >"$home/.$1.$$" &&
    chmod 700 "$home/.$1.$$" && mv -f "$home/.$1.$$" "$home/$1" || {
    rm -f "$home/.$1.$$"
    fail "Cannot unpack the program into $home: is the disk full?"
  }
}

unpack() (
  umask 077
  mkdir -p "$home" 2>/dev/null || fail "Cannot create $home"
  private "$home" || refuse
@UNPACK@
)

refuse() { fail "Cannot use $home: others may write there; set XDG_CACHE_HOME to a folder of your own"; }

home=$base/alcove/@ID@
if [ -e "$home" ]; then private "$home" || refuse; fi
if ! sound; then
  unpack || exit
  private "$home" || refuse
  sound || fail "Cannot start: what was unpacked into $home is damaged"
fi
DENO_NO_UPDATE_CHECK=1
export DENO_NO_UPDATE_CHECK
exec "$home/deno" run @RUN@ "$home/@MAIN@" "$@"
`.replaceAll("\\$", "$");
