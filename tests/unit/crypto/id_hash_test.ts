import assert from "node:assert/strict";
import {
  createBlake2b256,
  createHmacSha256,
  createSha256,
  type Digest32,
  hmacSha256,
  sha256,
} from "../../../core/crypto/mod.ts";
import { borrowAccel } from "../../../core/platform/accel.ts";
import { ascii, bytesOfHex, hexOfBytes, seededBytes } from "../../fixtures/deterministic.ts";
import { borgPython, borgTest } from "../../fixtures/borg.ts";

/** RFC 4231, 4.2 to 4.8 without the truncated one: key, data, HMAC-SHA-256. */
const RFC_4231: [string, string, string][] = [
  ["0b".repeat(20), "4869205468657265", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    "4a656665",
    "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  ["aa".repeat(20), "dd".repeat(50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "0102030405060708090a0b0c0d0e0f10111213141516171819",
    "cd".repeat(50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    "aa".repeat(131),
    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
];

function digestHex(digest: Digest32, data: Uint8Array): string {
  const out = new Uint8Array(40);
  digest.digest(data, out, 4);
  assert.equal(hexOfBytes(out.subarray(0, 4)) + hexOfBytes(out.subarray(36)), "0".repeat(16));
  return hexOfBytes(out.subarray(4, 36));
}

Deno.test("hmacSha256() gives the digests of RFC 4231", () => {
  for (const [key, data, wanted] of RFC_4231) {
    assert.equal(hexOfBytes(hmacSha256(bytesOfHex(key), bytesOfHex(data))), wanted);
  }
});

Deno.test("createHmacSha256() gives the digests of RFC 4231 with and without borrowed code, two keys at once", () => {
  for (const accel of [null, borrowAccel()]) {
    const hashers = RFC_4231.map(([key]) => createHmacSha256(bytesOfHex(key), accel));
    for (let round = 0; round < 2; round++) {
      RFC_4231.forEach(([, data, wanted], i) =>
        assert.equal(digestHex(hashers[i]!, bytesOfHex(data)), wanted)
      );
    }
    for (const hasher of hashers) hasher.dispose();
  }
});

Deno.test("createHmacSha256() keeps a copy of the key", () => {
  for (const accel of [null, borrowAccel()]) {
    const key = ascii("Jefe");
    const hasher = createHmacSha256(key, accel);
    key.fill(0);
    assert.equal(digestHex(hasher, bytesOfHex(RFC_4231[1]![1])), RFC_4231[1]![2]);
  }
});

Deno.test("createSha256() gives the digests of FIPS 180 and agrees with sha256() at all lengths", () => {
  const random = seededBytes(1)(1 << 17);
  for (const accel of [null, borrowAccel()]) {
    const hasher = createSha256(accel);
    assert.equal(
      digestHex(hasher, new Uint8Array(0)),
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    assert.equal(
      digestHex(hasher, ascii("abc")),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    for (const length of [...Array(150).keys(), 4095, 65_536, random.length]) {
      const data = random.subarray(random.length - length);
      assert.equal(digestHex(hasher, data), hexOfBytes(sha256(data)));
    }
  }
});

Deno.test("createBlake2b256() without a key gives BLAKE2b-256 of RFC 7693's test string", () => {
  const hasher = createBlake2b256(new Uint8Array(0));
  assert.equal(
    digestHex(hasher, ascii("abc")),
    "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
  );
});

Deno.test("createBlake2b256() hashes key and data as one string, with two hashers in turn", () => {
  const random = seededBytes(2)(40_000);
  const key = random.slice(0, 128);
  const plain = createBlake2b256(new Uint8Array(0));
  const keyed = createBlake2b256(key);
  key.fill(0);
  for (const length of [0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 39_872]) {
    const data = random.subarray(128, 128 + length);
    assert.equal(digestHex(keyed, data), digestHex(plain, random.subarray(0, 128 + length)));
  }
});

borgTest("createBlake2b256() gives what borg's blake2b_256 gives", () => {
  const key = seededBytes(3)(128);
  const data = seededBytes(4)(5000);
  const wanted = borgPython<string>(
    "import sys,json\nfrom borg.crypto.low_level import blake2b_256\n" +
      "k,d=json.load(sys.stdin)\nprint(json.dumps(blake2b_256(bytes.fromhex(k),bytes.fromhex(d)).hex()))",
    [hexOfBytes(key), hexOfBytes(data)],
  );
  assert.equal(digestHex(createBlake2b256(key), data), wanted);
});
