/** Questions as scripts and logs see them: what was asked, who answered, and that no answer is a no. */
import assert from "node:assert/strict";
import { workplace } from "../fixtures/alcove.ts";

const UNKNOWN = "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK";

Deno.test("an answer of the environment is shown with its question, yes or no", () => {
  using place = workplace({ BORG_EXIT_CODES: "modern" });
  place.alcove(["init", "-e", "none", "repo"]);
  const stranger = (name: string, answer: string) => ({
    BORG_BASE_DIR: `${place.path}/${name}`,
    [UNKNOWN]: answer,
  });
  const no = place.alcove(["list", "repo"], { env: stranger("a", "no"), code: 60 });
  assert.match(
    no.stderr,
    new RegExp(
      `^The repository at .*/repo is not encrypted.* \\[yN\\] no \\(from ${UNKNOWN}\\)\\nAborting\\.\\nStopped: .*\\n$`,
    ),
  );
  const yes = place.alcove(["list", "repo"], { env: stranger("b", "yes") });
  assert.match(
    yes.stderr,
    new RegExp(`^The repository at .*/repo .* \\[yN\\] yes \\(from ${UNKNOWN}\\)\\n$`),
  );
  const json = place.alcove(["--log-json", "list", "repo"], { env: stranger("c", "no"), code: 60 });
  const events = json.stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(events.map(({ type }) => type), [
    "question_prompt",
    "question_env_answer",
    "question_accepted_false",
    "log_message",
  ]);
  assert.equal(events[1].message, `no (from ${UNKNOWN})`);
  assert.equal(events[1].env_var, UNKNOWN);
});

Deno.test("where nobody answers a question the error stands on a line of its own", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  const env = { BORG_BASE_DIR: `${place.path}/stranger`, [UNKNOWN]: undefined! };
  const { stderr } = place.alcove(["list", "repo"], { env, input: "", code: 2 });
  assert.match(stderr, / \[yN\] Aborting\.\nStopped: /);
});

Deno.test("what cannot be understood or found is named, with what to do about it", () => {
  using place = workplace();
  place.alcove(["init", "-e", "none", "repo"]);
  const says = (args: string[], words: RegExp, env: Record<string, string> = {}) => {
    const { stderr } = place.alcove(args, { env: { BORG_REPO: `${place.path}/repo`, ...env }, code: 2 });
    assert.match(stderr, words);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
  };
  says(["create", "::with/slash", "."], /'::with\/slash': the name of an archive cannot have a slash/);
  says(["list"], /location in BORG_REPO: 'ssh:\/\/host'/, { BORG_REPO: "ssh://host" });
  says(["list", "ssh://host/./repo"], /there is no program 'nosuchssh' .*BORG_RSH/, {
    BORG_RSH: "nosuchssh -4",
  });
  says(["create", "--files-cache=foo", "::a", "."], /known are: ctime, mtime, size, inode/);
  says(["list", "--format={nope}"], /unknown key 'nope', --help/);
  says(["init", "-e", "none"], /already exists/);
});
