import assert from "node:assert/strict";
import { globToRegExp } from "../../../core/fs/glob.ts";
import {
  parsePattern,
  PathMatcher,
  patternLines,
  type PatternStyle,
  RuleList,
} from "../../../core/fs/patterns.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";

const PATHS = [
  "home",
  "home/user",
  "home/user/.cache",
  "home/user/.cache/x/y",
  "home/user/notes.txt",
  "home/user/notes.txt~",
  "home/user/a[1].txt",
  "etc/passwd",
  "var/log/syslog.1",
  "var/lib/x/log/y",
  "a b/c\nd",
  "tmp",
  "tmp/a/b/c",
  "ä/ö",
];

const PATTERNS: [PatternStyle, string][] = [
  ["fm", "*/.cache"],
  ["fm", "home/user/"],
  ["fm", "/home/user"],
  ["fm", "*.txt"],
  ["fm", "*~"],
  ["fm", "*[1]*"],
  ["fm", "etc/p?sswd"],
  ["fm", "a b/*"],
  ["fm", "[!t]mp"],
  ["fm", "home/user/a[[]1].txt"],
  ["fm", "*"],
  ["fm", "[]a]"],
  ["sh", "**/log"],
  ["sh", "*/log"],
  ["sh", "home/*/.cache"],
  ["sh", "home/**/y"],
  ["sh", "tmp/"],
  ["sh", "/var/**/log/*"],
  ["sh", "**"],
  ["sh", "ä/?"],
  ["sh", "./tmp/../etc"],
  ["pp", "home/user"],
  ["pp", "/home/us"],
  ["pp", "tmp/"],
  ["pf", "etc/passwd"],
  ["pf", "/etc//passwd"],
  ["re", "\\.cache($|/)"],
  ["re", "^home/[^/]+$"],
  ["re", "log\\.\\d"],
];

borgTest("parsePattern() matches what borg matches", () => {
  const expected = borgPython<boolean[][]>(
    `
import json, sys
from borg.patterns import parse_pattern
data = json.load(sys.stdin)
print(json.dumps([[bool(parse_pattern(s + ':' + p).match(path)) for path in data['paths']] for s, p in data['patterns']]))`,
    { paths: PATHS, patterns: PATTERNS },
  );
  for (const [i, [style, text]] of PATTERNS.entries()) {
    const pattern = parsePattern(`${style}:${text}`, "fm");
    for (const [j, path] of PATHS.entries()) {
      assert.equal(pattern.matches(path), expected[i]![j], `${style}:${text} on ${JSON.stringify(path)}`);
    }
  }
});

Deno.test("PathMatcher lets the first matching rule decide, full paths before all", () => {
  const list = new RuleList();
  list.addLine("+ home/user/keep");
  list.addLine("- home/user");
  list.addLine("! var");
  list.addLine("- pf:home/user/keep/not");
  list.addExclude("*.tmp");
  const matcher = new PathMatcher(list.rules);
  assert.equal(matcher.match("home/user/keep/x"), "include");
  assert.equal(matcher.match("/home/user/x"), "exclude");
  assert.equal(matcher.match("home/user/keep/not"), "exclude");
  assert.equal(matcher.match("var/lib"), "exclude-no-recurse");
  assert.equal(matcher.match("a.tmp"), "exclude-no-recurse");
  assert.equal(matcher.match("other"), "include");
});

Deno.test("PathMatcher tells which of the named paths never matched", () => {
  const matcher = new PathMatcher();
  matcher.addIncludePaths(["home", "nosuch", "re:pass"]);
  assert.equal(matcher.match("home/x"), "include");
  assert.equal(matcher.match("tmp"), "exclude");
  assert.equal(matcher.match("etc/passwd"), "include");
  assert.deepEqual(matcher.unmatched(), ["nosuch"]);
});

Deno.test("RuleList reads pattern files with roots, styles and comments", () => {
  const list = new RuleList();
  list.addFile("# comment\n\nR /home\nP fm\n- *.bak\nP re\n- ~$\n");
  assert.deepEqual(list.roots, ["/home"]);
  assert.deepEqual(list.rules.map((rule) => rule.pattern.style), ["fm", "re"]);
  assert.deepEqual(patternLines(" a \n#b\n\nc"), ["a", "c"]);
  for (const line of ["", "x y", "+", "P zz", "- xy:abc"]) {
    assert.throws(() => list.addLine(line), RangeError, line);
  }
});

Deno.test("globToRegExp() matches the whole name", () => {
  assert.ok(globToRegExp("home-*", "sh").test("home-2026"));
  assert.ok(!globToRegExp("home", "sh").test("home-2026"));
  assert.ok(globToRegExp("a+b(c)", "sh").test("a+b(c)"));
});
