/** The full name of this machine, found as Python's socket module finds it for borg: the resolver's canonical name. */
import { readFileSync } from "node:fs";
import { type Libc, openLibc } from "./_libc.ts";

const AI_CANONNAME = 2;
const SOCK_DGRAM = 2;
/** struct addrinfo of 64-bit Linux, glibc and musl: flags 0, socktype 8, canonname 32, next 40. */
const ADDRINFO_SIZE = 48;

/** The canonical name of `hostname`, or `hostname` itself where the resolver knows none. May wait for a name server. */
export function canonicalName(hostname: string): string {
  const libc = openLibc();
  return (libc === null ? fromHostsFile(hostname) : fromResolver(libc, hostname)) ?? hostname;
}

function fromResolver(libc: Libc, hostname: string): string | null {
  const hints = new Uint8Array(ADDRINFO_SIZE);
  const view = new DataView(hints.buffer);
  view.setInt32(0, AI_CANONNAME, true);
  view.setInt32(8, SOCK_DGRAM, true);
  const answer = new BigUint64Array(1);
  const name = new TextEncoder().encode(`${hostname}\0`);
  if (libc.symbols.getaddrinfo(name, null, hints, answer) !== 0) return null;
  const first = Deno.UnsafePointer.create(answer[0]!);
  for (let entry = first; entry !== null; entry = new Deno.UnsafePointerView(entry).getPointer(40)) {
    const canonical = new Deno.UnsafePointerView(entry).getPointer(32);
    const text = canonical === null ? "" : new Deno.UnsafePointerView(canonical).getCString();
    if (text !== "") {
      libc.symbols.freeaddrinfo(first);
      return text;
    }
  }
  libc.symbols.freeaddrinfo(first);
  return null;
}

/** hosts(5): address, canonical name, further names. */
function fromHostsFile(hostname: string): string | null {
  let text;
  try {
    text = readFileSync("/etc/hosts", "utf8");
  } catch {
    return null;
  }
  for (const line of text.split("\n")) {
    const [address, canonical, ...further] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (!address || canonical === undefined) continue;
    if (canonical === hostname || further.includes(hostname)) return canonical;
  }
  return null;
}
