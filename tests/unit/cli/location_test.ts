import assert from "node:assert/strict";
import { canonicalPath, parseLocation } from "../../../cli/location.ts";
import { fillPlaceholders, padText, type PlaceholderSource } from "../../../cli/placeholders.ts";
import { AppError } from "../../../core/errors.ts";

const plain = (text: string): string => text;
const parse = (text: string, repository?: string) => parseLocation(text, plain, repository);

Deno.test("parseLocation() reads borg's forms", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["/a/repo::arch", { proto: "file", path: "/a/repo", archive: "arch" }],
    ["repo", { proto: "file", path: "repo" }],
    ["./a//b/../repo/", { proto: "file", path: "a/repo" }],
    ["file:///a/repo::x y", { proto: "file", path: "/a/repo", archive: "x y" }],
    ["host:repo::a", { proto: "ssh", host: "host", path: "repo", archive: "a" }],
    ["user@host:~/repo", { proto: "ssh", user: "user", host: "host", path: "~/repo" }],
    ["ssh://user@host:2222/./repo::a", {
      proto: "ssh",
      user: "user",
      host: "host",
      port: 2222,
      path: "/./repo",
      archive: "a",
    }],
    ["ssh://[::1]:22/repo", { proto: "ssh", host: "[::1]", port: 22, path: "/repo" }],
    ["/with:colon/repo", { proto: "file", path: "/with:colon/repo" }],
  ];
  for (const [text, expected] of cases) {
    const { raw: _raw, processed: _processed, ...rest } = parse(text)!;
    assert.deepEqual(rest, expected, text);
  }
});

Deno.test("parseLocation() takes the repository from BORG_REPO", () => {
  assert.equal(parse("::arch", "/r")!.archive, "arch");
  assert.equal(parse("::arch", "/r")!.path, "/r");
  assert.equal(parse("::", "/r")!.archive, undefined);
  assert.equal(parse("", "/r")!.path, "/r");
  assert.equal(parse("::arch"), null);
  assert.equal(parse("/r::a/b"), null);
});

Deno.test("canonicalPath() shows SSH paths as URLs", () => {
  assert.equal(canonicalPath(parse("u@h:~/r")!), "ssh://u@h/~/r");
  assert.equal(canonicalPath(parse("h:r")!), "ssh://h/./r");
  assert.equal(canonicalPath(parse("/r::a")!), "/r");
});

const SOURCE: PlaceholderSource = {
  pid: 7,
  fqdn: "a.example.org",
  hostname: "a",
  user: "me",
  nowUs: 1_764_000_000_123_456,
  version: "1.4.5",
  uuid4: () => "uuid",
};

Deno.test("fillPlaceholders() knows borg's placeholders", () => {
  const fill = (text: string): string => fillPlaceholders(text, SOURCE);
  assert.equal(fill("{hostname}-{user}-{pid}-{reverse-fqdn}-{uuid4}"), "a-me-7-org.example.a-uuid");
  assert.equal(fill("{utcnow}"), "2025-11-24T16:00:00");
  assert.equal(fill("{utcnow:%Y-%m-%d_%H:%M:%S.%f}"), "2025-11-24_16:00:00.123456");
  assert.equal(fill("{{x}} {unixtime} {borgmajor} {borgminor} {borgpatch}"), "{x} 1764000000 1 1.4 1.4.5");
});

Deno.test("fillPlaceholders() refuses unknown and broken ones", () => {
  for (const text of ["{nosuch}", "{", "a}", "{constructor}"]) {
    assert.throws(() => fillPlaceholders(text, SOURCE), AppError, text);
  }
});

Deno.test("padText() aligns as Python's format language", () => {
  assert.equal(padText("ab", "5"), "ab   ");
  assert.equal(padText("ab", ">5"), "   ab");
  assert.equal(padText("ab", "*^6"), "**ab**");
  assert.equal(padText("abcdef", ".3"), "abc");
  assert.throws(() => padText("ab", "q"), AppError);
});
