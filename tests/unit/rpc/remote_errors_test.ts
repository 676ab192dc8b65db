import assert from "node:assert/strict";
import { decodeMsgpack, encodeMsgpack, type Packable, type UnpackedMap } from "../../../core/bytes/mod.ts";
import { remoteError, RemoteFailure } from "../../../core/rpc/remote_errors.ts";
import {
  type AppError,
  IntegrityError,
  LockError,
  RemoteError,
  RepositoryError,
} from "../../../core/errors.ts";

const HERE = "ssh://user@host:22/repo";

/** As it arrives: text is bytes. */
function answer(exceptionClass: Packable, rest: Record<string, Packable> = {}): UnpackedMap {
  const map = new Map<string, Packable>([["exception_class", exceptionClass], ...Object.entries(rest)]);
  return decodeMsgpack(encodeMsgpack(map)) as UnpackedMap;
}

const errorOf = (exceptionClass: string, args: Packable) =>
  remoteError(answer(exceptionClass, { exception_args: args }), HERE);

/** Class that a server names, the arguments that borg's server sends, our code, and our arguments. */
const KNOWN: [string, Packable[], string, string[]][] = [
  ["Error", ["something"], "Error", ["something"]],
  ["ErrorWithTraceback", ["something"], "Error", ["something"]],
  ["InvalidRepository", ["/repo"], "Repository.InvalidRepository", [HERE]],
  [
    "InvalidRepositoryConfig",
    ["/repo", "no version"],
    "Repository.InvalidRepositoryConfig",
    [HERE, "no version"],
  ],
  ["DoesNotExist", ["/repo"], "Repository.DoesNotExist", [HERE]],
  ["AlreadyExists", ["/repo"], "Repository.AlreadyExists", [HERE]],
  ["CheckNeeded", ["/repo"], "Repository.CheckNeeded", [HERE]],
  ["AtticRepository", ["/repo"], "Repository.AtticRepository", ["/repo"]],
  ["PathPermissionDenied", ["/repo"], "Repository.PathPermissionDenied", ["/repo"]],
  ["PathAlreadyExists", ["/repo"], "Repository.PathAlreadyExists", ["/repo"]],
  ["ParentPathDoesNotExist", ["/repo"], "Repository.ParentPathDoesNotExist", ["/repo"]],
  ["ObjectNotFound", ["00ff", "/repo"], "Repository.ObjectNotFound", ["00ff", HERE]],
  ["InsufficientFreeSpaceError", ["5 GB", "1 GB"], "Repository.InsufficientFreeSpaceError", ["5 GB", "1 GB"]],
  ["StorageQuotaExceeded", ["5 GB", "6 GB"], "Repository.StorageQuotaExceeded", ["5 GB", "6 GB"]],
  ["PathNotAllowed", ["/repo"], "PathNotAllowed", ["/repo"]],
  ["InvalidRPCMethod", ["mount"], "InvalidRPCMethod", ["mount"]],
  ["LockError", ["/repo"], "LockError", ["/repo"]],
  ["LockErrorT", ["/repo"], "LockErrorT", ["/repo"]],
  ["LockTimeout", ["/repo/lock"], "LockTimeout", ["/repo/lock"]],
  ["LockFailed", ["/repo/lock", "no space"], "LockFailed", ["/repo/lock", "no space"]],
  ["NotLocked", ["/repo/lock"], "NotLocked", ["/repo/lock"]],
  ["NotMyLock", ["/repo/lock"], "NotMyLock", ["/repo/lock"]],
  ["IntegrityError", ["checksum"], "IntegrityError", ["checksum"]],
];

Deno.test("each of a server's errors becomes ours, of the right family, told by the client's own location", () => {
  for (const [name, args, code, expected] of KNOWN) {
    const error = errorOf(name, args);
    assert.equal(error.code, code, name);
    assert.deepEqual(error.args, expected, name);
    assert.doesNotMatch(error.message, /\{\}|undefined/, name);
  }
  const families: [string, new (...args: never[]) => AppError][] = [
    ["DoesNotExist", RepositoryError],
    ["LockTimeout", LockError],
    ["IntegrityError", IntegrityError],
    ["PathNotAllowed", RemoteError],
  ];
  for (const [name, family] of families) assert.ok(errorOf(name, ["x"]) instanceof family, name);
});

Deno.test("a server before 1.1 gives the class alone, and our sentence stays whole", () => {
  for (const [name, , code] of KNOWN) {
    const error = remoteError(answer(name), HERE);
    assert.equal(error.code, code);
    assert.doesNotMatch(error.message, /\{\}|undefined/, name);
  }
  assert.match(remoteError(answer("DoesNotExist"), HERE).message, /ssh:\/\/user@host:22\/repo/);
  assert.match(remoteError(answer("ObjectNotFound"), HERE).message, /\(not available\)/);
});

Deno.test("an unknown class is a failure of the server, with its own short words where it has any", () => {
  const cases: [UnpackedMap, string][] = [
    [
      answer("TypeError", { exception_short: ["TypeError: open() takes 4\n", "  arguments"] }),
      "TypeError: open() takes 4 arguments",
    ],
    [answer("OSError", { exception_short: [] }), "OSError"],
    [answer("OSError", { exception_short: "text" }), "OSError"],
    [answer("constructor"), "constructor"],
    [answer("__proto__"), "__proto__"],
    [answer(7), "7"],
    [answer(null), "(not available)"],
    [answer(["Error"]), "(not available)"],
  ];
  for (const [given, text] of cases) {
    const error = remoteError(given, HERE);
    assert.ok(error instanceof RemoteFailure);
    assert.equal(error.message, `The server failed: ${text}`);
    assert.equal(error.code, "Error");
  }
  assert.equal((remoteError(answer("TypeError"), HERE) as RemoteFailure).remoteClass, "TypeError");
});

Deno.test("rubbish as arguments becomes text, and stays short, in one line and without control characters", () => {
  const rubbish: [Packable, string][] = [
    [null, "(not available)"],
    ["no list", "(not available)"],
    [new Map([["a", 1]]), "(not available)"],
    [[], "(not available)"],
    [[null], "(not available)"],
    [[["nested"]], "(not available)"],
    [[5], "5"],
    [[2n ** 63n], "9223372036854775808"],
    [["a\n\nb\x1b[31m"], "a b?[31m"],
    [["x".repeat(100_000)], "x".repeat(2000)],
  ];
  for (const [args, text] of rubbish) assert.deepEqual(errorOf("IntegrityError", args).args, [text]);
  const invalid = errorOf("IntegrityError", [Uint8Array.of(0x61, 0xff)]);
  assert.ok(invalid.message.isWellFormed());
  const long = answer("X", { exception_short: Array(5000).fill("word") });
  assert.ok(remoteError(long, HERE).message.length < 2100);
});
