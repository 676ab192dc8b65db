/**
 * Error numbers of the Unixes and what they mean in plain words. In: a number or a symbol from a failed system call. Out: an
 * {@link OsError}. Linux: the kernel's generic table (asm-generic/errno.h), which x86-64 and arm64 share. macOS and FreeBSD:
 * <sys/errno.h> of each; they agree up to 81.
 */
import { OsError } from "../errors.ts";

// The same on all of them.
export const EPERM = 1;
export const EROFS = 30;
export const EINTR = 4;
export const EEXIST = 17;
export const EINVAL = 22;

// One line per block of ten, from 1 on; empty where the table has a hole.
const LINUX = [
  "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD",
  "EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR",
  "EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS",
  "EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP",
  "- ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI",
  "EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR",
  "ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV ESRMNT ECOMM",
  "EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD",
  "ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE",
  "EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT ENOTSUP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN",
  "ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT",
  "ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM",
  "EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD",
  "ENOTRECOVERABLE ERFKILL EHWPOISON",
].join(" ").split(" ");

const BSD = [
  "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD",
  "EDEADLK ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR",
  "EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS",
  "EMLINK EPIPE EDOM ERANGE EAGAIN EINPROGRESS EALREADY ENOTSOCK EDESTADDRREQ EMSGSIZE",
  "EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT ENOTSUP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN",
  "ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT",
  "ECONNREFUSED ELOOP ENAMETOOLONG EHOSTDOWN EHOSTUNREACH ENOTEMPTY EPROCLIM EUSERS EDQUOT ESTALE",
  "EREMOTE EBADRPC ERPCMISMATCH EPROGUNAVAIL EPROGMISMATCH EPROCUNAVAIL ENOLCK ENOSYS EFTYPE EAUTH",
  "ENEEDAUTH",
];

const DARWIN = [
  ...BSD,
  "EPWROFF EDEVERR EOVERFLOW EBADEXEC EBADARCH ESHLIBVERS EBADMACHO ECANCELED EIDRM",
  "ENOMSG EILSEQ ENOATTR EBADMSG EMULTIHOP ENODATA ENOLINK ENOSR ENOSTR EPROTO",
  // EOPNOTSUPP has a number of its own here and means the same.
  "ETIME ENOTSUP ENOPOLICY ENOTRECOVERABLE EOWNERDEAD EQFULL",
].join(" ").split(" ");

const FREEBSD = [
  ...BSD,
  "EIDRM ENOMSG EOVERFLOW ECANCELED EILSEQ ENOATTR EDOOFUS EBADMSG EMULTIHOP",
  "ENOLINK EPROTO ENOTCAPABLE ECAPMODE ENOTRECOVERABLE EOWNERDEAD EINTEGRITY",
].join(" ").split(" ");

/** Symbols by number less one, "-" where there is none. */
const TABLES = { linux: LINUX, darwin: DARWIN, freebsd: FREEBSD } as const;

/** With the first words of the C library where it has clear ones: scripts look for them in what a program says. */
const TEXTS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EAGAIN: "Not ready, try again",
  EBADF: "The file is not open for this",
  EBUSY: "In use by the system",
  EDQUOT: "Disk quota used up",
  EEXIST: "Already exists",
  EFBIG: "File too large",
  EINTR: "Interrupted",
  EINVAL: "Not possible with these arguments",
  EIO: "Input/output error",
  EISDIR: "Is a directory",
  ELOOP: "Is a symbolic link, or too many of them",
  EINTEGRITY: "The file system is damaged",
  EMFILE: "Too many files open in this process",
  EMLINK: "Too many names for one file",
  ENAMETOOLONG: "Name too long",
  ENFILE: "Too many files open on this machine",
  ENODEV: "No such device",
  ENOENT: "No such file or directory",
  ENOMEM: "Out of memory",
  ENOSPC: "No space left on device",
  ENOSYS: "Not supported by this system",
  ENOTDIR: "Not a directory",
  ENOTEMPTY: "Directory is not empty",
  ENOTSUP: "Not supported by this file system",
  ENOTTY: "Not a terminal",
  ENXIO: "No such device or address",
  EPERM: "Operation not permitted",
  EPIPE: "Nobody reads the other end",
  EROFS: "Read-only file system",
  ESPIPE: "Cannot move the position in a pipe",
  ESRCH: "No such process",
  ESTALE: "File vanished from the network file system",
  ETIMEDOUT: "Timed out",
  ETXTBSY: "Program is running",
  EXDEV: "On another file system",
};

/** Symbol of an error number, "E<number>" where the system's table has none. */
export function errnoSymbol(errno: number, system: keyof typeof TABLES = "linux"): string {
  const symbol = TABLES[system][errno - 1];
  return symbol === undefined || symbol === "-" ? `E${errno}` : symbol;
}

/** An OsError with our words for its symbol. */
export function osError(code: string, syscall: string, path: string): OsError {
  return new OsError(code, syscall, path, TEXTS[code] ?? `system error ${code}`);
}
