import assert from "node:assert/strict";
import {
  decodePaperId,
  decodePaperLine,
  encodePaperKey,
  joinPaperLines,
  KeyFormatError,
  paperRepositoryId,
} from "../../../core/crypto/mod.ts";
import { seededBytes } from "../../fixtures/deterministic.ts";

const random = seededBytes(31);
const repositoryId = random(32);

/** Types all of a paper key in, as a person does: upper case, spaces anywhere. */
function typeIn(paper: string): string | null {
  const [heading, idLine, ...lines] = paper.trimEnd().split("\n");
  assert.equal(heading, "BORG PAPER KEY v1");
  const id = decodePaperId(idLine!.slice(4).toUpperCase());
  assert.equal(id.repositoryId, paperRepositoryId(repositoryId));
  assert.equal(id.lines, lines.length);
  return joinPaperLines(
    id,
    lines.map((line, i) => decodePaperLine(i + 1, ` ${line.slice(4).toUpperCase()} `)),
  );
}

Deno.test("a paper key that is typed in is the key, whatever its length", () => {
  for (const length of [20, 35, 36, 37, 400, 1790]) {
    const base64 = btoa(String.fromCharCode(...random(length)));
    const blob = base64.match(/.{1,70}/g)!.join("\n");
    assert.equal(typeIn(encodePaperKey(repositoryId, blob)), blob);
  }
});

Deno.test("each wrong digit of a paper key, and lines in the wrong place, are noticed", () => {
  const paper = encodePaperKey(repositoryId, btoa(String.fromCharCode(...random(54)))).trimEnd().split("\n");
  const other = (digit: string) => digit === "0" ? "1" : "0";
  let missed = 0;
  paper.slice(1).forEach((line, number) => {
    const typed = line.slice(4);
    [...typed].forEach((digit, at) => {
      if (!/[0-9a-f]/.test(digit)) return;
      const wrong = typed.slice(0, at) + other(digit) + typed.slice(at + 1);
      try {
        if (number === 0) decodePaperId(wrong);
        else decodePaperLine(number, wrong);
        missed++;
      } catch (error) {
        assert.ok(error instanceof KeyFormatError);
      }
    });
  });
  // Two digits of check sum: one wrong line in 256 passes, and is noticed by the check sum of the whole.
  assert.ok(missed <= 4, `${missed} wrong digits passed`);
  assert.throws(() => decodePaperLine(1, paper[3]!.slice(4)), /checksum/);
  assert.throws(() => decodePaperLine(1, "00-00-00"), /exactly one/);
  assert.throws(() => decodePaperId("1/2-00"), /exactly two/);
  assert.throws(() => decodePaperLine(1, "0g-00"), /only characters/);
});
