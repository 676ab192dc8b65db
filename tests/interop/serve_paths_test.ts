/** Which repository a client gets: paths and restrictions of `serve`, held against borg's server for the same calls. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Packable } from "../../core/bytes/mod.ts";
import { workplace } from "../fixtures/alcove.ts";
import { borgTest } from "../fixtures/borg.ts";
import { ALCOVE_SERVE, BORG_SERVE, errorOf, ServePeer } from "../fixtures/serve_peer.ts";

interface Case {
  args: string[];
  paths: string[];
  open?: Record<string, Packable>;
}

/** What each path gets: "open", or the error. */
async function outcomes(
  program: readonly string[],
  place: string,
  { args, paths, open = {} }: Case,
): Promise<string[]> {
  const peer = new ServePeer(program, {
    args,
    cwd: join(place, "cwd"),
    env: { HOME: join(place, "home"), BORG_BASE_DIR: join(place, "base") },
  });
  await peer.negotiate();
  const results: string[] = [];
  for (const path of paths) {
    const answer = await peer.call("open", { path, lock_wait: 0, lock: true, exclusive: true, ...open });
    results.push(`${path}: ${answer.has("exception_class") ? errorOf(answer) : "open"}`);
  }
  await peer.end();
  return results;
}

/** Repositories, and ways that lead to them or only look as if they did. */
function makePlaces(place: string): void {
  for (const folder of ["cwd", "home", "base", "a", "ab", "a/empty"]) {
    fs.mkdirSync(join(place, folder), { recursive: true });
  }
  for (const repository of ["a/repo", "a/repo2", "ab/repo", "cwd/repo", "home/repo", "base/repo"]) {
    fs.mkdirSync(join(place, repository, "data"), { recursive: true });
    fs.writeFileSync(join(place, repository, "README"), "This is a Borg Backup repository.\n");
    const settings = "version = 1\nsegments_per_dir = 1000\nmax_segment_size = 524288000\nappend_only = 0\n" +
      `storage_quota = 0\nadditional_free_space = 0\nid = ${"ab".repeat(32)}\n`;
    fs.writeFileSync(join(place, repository, "config"), `[repository]\n${settings}\n`);
  }
  fs.symlinkSync("../ab/repo", join(place, "a", "way-out"));
  fs.symlinkSync("..", join(place, "a", "up"));
  fs.symlinkSync("a", join(place, "way-in"));
  fs.symlinkSync("circle", join(place, "a", "circle"));
  fs.symlinkSync("nowhere", join(place, "a", "dangling"));
  fs.symlinkSync("../ab/new", join(place, "a", "dangling-out"));
  fs.symlinkSync("/~/repo", join(place, "cwd", "tilde"));
  fs.writeFileSync(join(place, "a", "file"), "");
}

borgTest("serve opens what borg's server opens, and refuses what it refuses", async () => {
  using workshop = workplace();
  const place = fs.realpathSync(workshop.path);
  makePlaces(place);
  const paths = [
    `${place}/a/repo`,
    `${place}/a/repo/`,
    `${place}//a/./repo/.`,
    `${place}/a/repo/../repo`,
    `${place}/a/repo/../../ab/repo`,
    `${place}/ab/repo`,
    `${place}/a`,
    `${place}/a/way-out`,
    `${place}/a/up/ab/repo`,
    `${place}/a/up/a/repo`,
    `${place}/a/up/../a/repo`,
    `${place}/way-in/repo`,
    `${place}/way-in/repo/data`,
    `${place}/way-in/../ab/repo`,
    `${place}/a/missing`,
    `${place}/a/missing/../repo`,
    `${place}/a/file/../repo`,
    `${place}/a/file`,
    `${place}/a/dangling`,
    `${place}/a/dangling-out`,
    "repo",
    "./repo",
    "../a/repo",
    "/./repo",
    "/././repo",
    "/.//etc",
    "/./../a/repo",
    "~/repo",
    "/~/repo",
    "/~//etc",
    "~",
    "/~",
    "/~/../a/repo",
    "~root/repo",
    "/~root/repo",
    "~nobodyofthatname/repo",
    "/~nobodyofthatname/repo",
    "tilde",
    "",
    "/",
    `${place}/a/rep\u00f6`,
    `${place}/a/repo `,
    `${place}/A/repo`,
  ];
  const options: string[][] = [
    [],
    ["--restrict-to-path", `${place}/a`],
    ["--restrict-to-path", `${place}/a/`],
    ["--restrict-to-path", `${place}/way-in`],
    ["--restrict-to-path", `${place}/a/repo`],
    ["--restrict-to-path", `${place}/a/repo/../`],
    ["--restrict-to-path", `${place}/a/missing`, "--restrict-to-path", `${place}/ab`],
    ["--restrict-to-path", "/"],
    ["--restrict-to-path", "."],
    ["--restrict-to-path", "../home"],
    ["--restrict-to-path", "~/"],
    ["--restrict-to-repository", `${place}/a`],
    ["--restrict-to-repository", `${place}/a/repo`],
    ["--restrict-to-repository", `${place}/a/way-out/`],
    ["--restrict-to-repository", `${place}/way-in/repo/`, "--restrict-to-repository", `${place}/ab/repo`],
    ["--restrict-to-path", `${place}/ab`, "--restrict-to-repository", `${place}/a/repo`],
    ["--restrict-to-path", `${place}/a`, "--restrict-to-repository", `${place}/a/repo`],
    ["--restrict-to-repository", `${place}/a/missing`],
  ];
  for (const args of options) {
    const theirs = await outcomes(BORG_SERVE, place, { args, paths });
    const ours = await outcomes(ALCOVE_SERVE, place, { args, paths });
    assert.deepEqual(ours, theirs, args.join(" "));
  }
});

borgTest("serve makes repositories where borg's server makes them", async () => {
  using workshop = workplace();
  const place = fs.realpathSync(workshop.path);
  const names = [
    "a/new",
    "ab/new",
    "a/empty",
    "a/dangling",
    "a/dangling-out",
    "a/x/y/z",
    "a/file",
    "a/repo",
    "a/repo/in",
  ];
  const results: string[][] = [];
  for (const program of [BORG_SERVE, ALCOVE_SERVE]) {
    const inner = join(place, "inner");
    makePlaces(inner);
    const all: string[] = [];
    for (const restrict of ["--restrict-to-path", "--restrict-to-repository"]) {
      const paths = names.map((name) => `${inner}/${name}`);
      for (const make_parent_dirs of [false, true]) {
        all.push(
          ...await outcomes(program, inner, {
            args: [restrict, `${inner}/a`, restrict, `${inner}/a/new`],
            paths,
            open: { create: true, make_parent_dirs },
          }),
        );
      }
    }
    all.push(...fs.readdirSync(join(inner, "a"), { recursive: true, encoding: "utf8" }).sort());
    results.push(all);
    fs.rmSync(inner, { recursive: true });
  }
  assert.deepEqual(results[1], results[0]);
});

Deno.test("serve follows no more links than the system would, and never one that it has not looked at", async () => {
  using workshop = workplace();
  const place = fs.realpathSync(workshop.path);
  makePlaces(place);
  // More links than are followed, the last of which leads out.
  fs.symlinkSync(".", join(place, "a", "here"));
  const many = `${place}/a/${"here/".repeat(300)}way-out`;
  const [circle, chain, nul, long] = await outcomes(ALCOVE_SERVE, place, {
    args: ["--restrict-to-path", `${place}/a`],
    paths: [`${place}/a/circle`, many, `${place}/a/re\0po`, "a/".repeat(1e6)],
  });
  assert.match(circle!, /circle: PathNotAllowed/);
  assert.match(chain!, /PathNotAllowed/);
  assert.match(nul!, /PathNotAllowed/);
  assert.match(long!, /PathNotAllowed/);
});
