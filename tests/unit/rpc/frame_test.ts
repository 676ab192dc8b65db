import assert from "node:assert/strict";
import fc from "fast-check";
import {
  encodeMsgpack,
  MsgpackError,
  MsgpackReader,
  MsgpackWriter,
  type Packable,
  type Unpacked,
} from "../../../core/bytes/mod.ts";
import {
  FrameReader,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_ELEMENTS,
  readAnswer,
  readRequest,
  writeAnswer,
  writeRequest,
} from "../../../core/rpc/frame.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const text = (value: string) => new TextEncoder().encode(value);

/** Values that come out as they went in: text decodes to bytes, and doubles that are integers become integers. */
const { value: VALUE } = fc.letrec<{ value: Unpacked }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.maxSafeInteger().map((n) => n === 0 ? 0 : n),
    fc.bigInt(2n ** 53n + 1n, 2n ** 64n - 1n),
    fc.bigInt(-(2n ** 63n), -(2n ** 53n) - 1n),
    fc.double({ noInteger: true, noNaN: true, noDefaultInfinity: true }),
    fc.uint8Array({ maxLength: 300 }),
    fc.integer({ min: 65_530, max: 65_540 }).map((n) => new Uint8Array(n)),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.array(fc.tuple(fc.oneof(fc.integer(), fc.string({ maxLength: 40 })), tie("value")), { maxLength: 20 })
      .map((entries) => new Map(entries)),
  ),
}));

/** Bytes in which the heads of objects are common and their lengths often small: closer to msgpack than noise is. */
const ALMOST = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 255 }).map((n) => bytes(n)),
    fc.integer({ min: 0x80, max: 0xbf }).map((n) => bytes(n)),
    fc.integer({ min: 0xc0, max: 0xdf }).map((n) => bytes(n)),
    fc.constantFrom(0xdc, 0xda, 0xde, 0xc5).chain((head) =>
      fc.nat(6).map((length) => bytes(head, 0, length))
    ),
    fc.constantFrom(0xdd, 0xdb, 0xdf, 0xc6).chain((head) =>
      fc.nat(6).map((length) => bytes(head, 0, 0, 0, length))
    ),
    fc.constantFrom(0xc4, 0xd9).chain((head) => fc.nat(6).map((length) => bytes(head, length))),
    VALUE.map((value) => encodeMsgpack(value as Packable)),
  ),
  { maxLength: 20 },
).map(joined);

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** `data` cut at the given places, which are taken modulo its length. */
function cut(data: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [...new Set(places.map((place) => data.length === 0 ? 0 : place % data.length))];
  const ends = [...sorted.sort((a, b) => a - b), data.length];
  let start = 0;
  return ends.map((end) => {
    const piece = data.slice(start, end);
    start = end;
    return piece;
  });
}

interface Outcome {
  values: Unpacked[];
  error: boolean;
}

/** What comes out of pieces; each is overwritten after it was pushed, because a reader must have its own copy. */
function frames(pieces: readonly Uint8Array[]): Outcome {
  const reader = new FrameReader();
  const values: Unpacked[] = [];
  try {
    for (const piece of pieces) {
      const own = piece.slice();
      reader.push(own);
      own.fill(0xc1);
      for (let value = reader.next(); value !== undefined; value = reader.next()) values.push(value);
    }
    return { values, error: false };
  } catch (error) {
    assert.ok(error instanceof MsgpackError, `${error}`);
    return { values, error: true };
  }
}

/** The same where the pieces are read to where the reader wants them, as much at a time as it has room for. */
function framesInPlace(pieces: readonly Uint8Array[]): Outcome {
  const reader = new FrameReader();
  const values: Unpacked[] = [];
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        const room = reader.room();
        assert.ok(room.length > 0);
        const part = piece.subarray(at, at + room.length);
        room.set(part);
        reader.arrived(part.length);
        at += part.length;
        for (let value = reader.next(); value !== undefined; value = reader.next()) values.push(value);
      }
    }
    return { values, error: false };
  } catch (error) {
    assert.ok(error instanceof MsgpackError, `${error}`);
    return { values, error: true };
  }
}

const CUTS = fc.array(fc.nat(), { maxLength: 40 });

Deno.test("FrameReader gives any sequence of values back, wherever it is cut", () => {
  fc.assert(
    fc.property(fc.array(VALUE, { maxLength: 12 }), CUTS, (values, places) => {
      const data = joined(values.map((value) => encodeMsgpack(value as Packable)));
      assert.deepEqual(frames(cut(data, places)), { values, error: false });
    }),
    { numRuns: 200 },
  );
});

Deno.test("FrameReader gives a sequence back that arrives byte by byte", () => {
  fc.assert(
    fc.property(fc.array(VALUE, { maxLength: 4 }), (values) => {
      const data = joined(values.map((value) => encodeMsgpack(value as Packable)));
      fc.pre(data.length < 5000);
      assert.deepEqual(frames(Array.from(data, (byte) => bytes(byte))), { values, error: false });
    }),
    { numRuns: 100 },
  );
});

Deno.test("FrameReader gives the same back of what is put into its own memory", () => {
  const large = (length: number): Unpacked =>
    new Map<string, Unpacked>([["i", 1], ["data", new Uint8Array(length).fill(length)]]);
  const mixed = [7, 300_000, 131_072, 20, 5_000_000, 131_000, 10_000_000, 1].map(large);
  const data = joined(mixed.map((value) => encodeMsgpack(value as Packable)));
  for (const size of [data.length, 65_536, 100_001]) {
    const pieces = Array.from(
      { length: Math.ceil(data.length / size) },
      (_, i) => data.subarray(i * size, (i + 1) * size),
    );
    assert.deepEqual(framesInPlace(pieces), { values: mixed, error: false });
  }
  fc.assert(
    fc.property(fc.oneof(ALMOST, fc.uint8Array({ maxLength: 200 })), CUTS, (data, places) => {
      assert.deepEqual(framesInPlace(cut(data, places)), frames([data]));
    }),
    { numRuns: 500 },
  );
});

Deno.test("FrameReader has no room for what follows a large value: it would have to be moved", () => {
  const reader = new FrameReader();
  reader.push(bytes(0xdb, 0, 0x10, 0, 0, 1, 2, 3));
  assert.equal(reader.next(), undefined);
  assert.equal(reader.room().length, (1 << 20) - 3);
});

Deno.test("FrameReader says the same of any bytes as a reader that has them all, wherever they are cut", () => {
  fc.assert(
    fc.property(fc.oneof(ALMOST, fc.uint8Array({ maxLength: 200 })), CUTS, (data, places) => {
      const whole = frames([data]);
      assert.deepEqual(frames(cut(data, places)), whole);
      const oracle = new MsgpackReader(data);
      for (const value of whole.values) assert.deepEqual(oracle.read(), value);
      if (whole.error) assert.throws(() => oracle.read(), MsgpackError);
      // Wrong keys and depth are found where the object is complete, so the oracle may find them earlier.
      else if (!oracle.atEnd) assert.throws(() => oracle.read(), MsgpackError);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("FrameReader waits for the rest of every truncated message, and says how much it holds", () => {
  fc.assert(
    fc.property(VALUE, fc.nat(), (value, place) => {
      const data = encodeMsgpack(value as Packable);
      const end = place % data.length;
      const reader = new FrameReader();
      reader.push(data.subarray(0, end));
      assert.equal(reader.next(), undefined);
      assert.equal(reader.pending, end);
      assert.deepEqual(reader.peek(4), data.slice(0, Math.min(4, end)));
      reader.push(data.subarray(end));
      assert.deepEqual(reader.next(), value);
      assert.equal(reader.pending, 0);
      assert.equal(reader.next(), undefined);
    }),
    { numRuns: 200 },
  );
});

Deno.test("FrameReader refuses absurd sizes as soon as their heads are there", () => {
  const ABSURD: [string, Uint8Array][] = [
    ["raw of 4 GiB", bytes(0xdb, 0xff, 0xff, 0xff, 0xff)],
    ["bin of 4 GiB", bytes(0xc6, 0xff, 0xff, 0xff, 0xff)],
    ["array of 2^32 - 1", bytes(0xdd, 0xff, 0xff, 0xff, 0xff)],
    ["map of 2^32 - 1", bytes(0xdf, 0xff, 0xff, 0xff, 0xff)],
    ["map of just too many", bytes(0xdf, 0, 0x08, 0, 0)],
    ["array of just too many", bytes(0xdd, 0, 0x10, 0, 0)],
    ["raw of 64 MiB", bytes(0xdb, 0x04, 0, 0, 0)],
    ["such a raw inside of a message", bytes(0x83, 0xa1, 0x69, 1, 0xa1, 0x72, 0xdb, 0xff, 0xff, 0xff, 0xff)],
    ["many arrays, of which none is too large", joined(Array(100).fill(bytes(0xdc, 0xff, 0xff)))],
    ["no type", bytes(0xc1)],
    ["extension", bytes(0xc9, 0xff, 0xff, 0xff, 0xff, 0)],
    ["fixed extension", bytes(0xd4)],
  ];
  for (const [name, data] of ABSURD) {
    const reader = new FrameReader();
    reader.push(data);
    assert.throws(() => reader.next(), MsgpackError, name);
    // It stays refused: nothing that follows makes it right.
    reader.push(bytes(0));
    assert.throws(() => reader.next(), MsgpackError, name);
  }
});

Deno.test("FrameReader takes the largest message, and not one byte more", () => {
  const reader = new FrameReader();
  const largest = new Uint8Array(MAX_MESSAGE_BYTES);
  largest.set(bytes(0xdb, 0x03, 0xff, 0xff, 0xfb));
  reader.push(largest);
  assert.equal((reader.next() as Uint8Array).length, MAX_MESSAGE_BYTES - 5);
  reader.push(bytes(0xdb, 0x03, 0xff, 0xff, 0xfc));
  assert.throws(() => reader.next(), MsgpackError);
});

Deno.test("FrameReader refuses what is nested 100,000 deep, and what never ends", () => {
  const deep = new Uint8Array(100_001).fill(0x91);
  deep[100_000] = 0xc0;
  assert.deepEqual(frames([deep]), { values: [], error: true });
  for (const byte of [0x91, 0x81]) {
    const reader = new FrameReader();
    let sent = 0;
    assert.throws(() => {
      for (; sent <= 2 * MAX_MESSAGE_ELEMENTS; sent += 65_536) {
        reader.push(new Uint8Array(65_536).fill(byte));
        assert.equal(reader.next(), undefined);
      }
    }, MsgpackError);
    assert.ok(sent <= MAX_MESSAGE_ELEMENTS);
  }
});

/** Each would take many minutes if a byte were looked at, or copied, again with each piece that arrives. */
Deno.test("FrameReader does work in proportion to a message's bytes, however small its pieces", () => {
  const MANY = 1_000_000;
  const numbers = new FrameReader();
  numbers.push(bytes(0xdd, 0, 0x0f, 0x42, 0x40));
  for (let i = 0; i < MANY; i++) {
    assert.equal(numbers.next(), undefined);
    numbers.push(bytes(i & 0x7f));
  }
  assert.equal((numbers.next() as Unpacked[]).length, MANY);

  const texts = new FrameReader();
  const element = joined([bytes(0xda, 0, 100), new Uint8Array(100)]);
  texts.push(bytes(0xdd, 0, 0x07, 0xa1, 0x20));
  for (let i = 0; i < 500_000; i++) {
    if (i % 4 === 0) assert.equal(texts.next(), undefined);
    texts.push(element);
  }
  assert.equal((texts.next() as Unpacked[]).length, 500_000);

  const raw = new FrameReader();
  const piece = new Uint8Array(64);
  raw.push(bytes(0xdb, 0x03, 0, 0, 0));
  for (let i = 0; i < 0x3000000 / 64; i++) {
    assert.equal(raw.next(), undefined);
    raw.push(piece);
  }
  assert.equal((raw.next() as Uint8Array).length, 0x3000000);
});

Deno.test("FrameReader keeps up with a million small messages in one piece, and in pieces across their borders", () => {
  const message = encodeMsgpack(new Map<string, Packable>([["i", 1], ["r", null]]));
  const block = joined(Array(10_000).fill(message));
  const reader = new FrameReader();
  let count = 0;
  for (let i = 0; i < 100; i++) {
    const border = (i * 7919) % block.length;
    for (const piece of [block.subarray(0, border), block.subarray(border)]) {
      reader.push(piece);
      while (reader.next() !== undefined) count++;
    }
  }
  assert.equal(count, 1_000_000);
});

Deno.test("readRequest() reads what writeRequest() writes, in both dialects", () => {
  const writer = new MsgpackWriter();
  const args = [["id", text("x")], ["data", text("yz")]] as const;
  const parse = (data: Uint8Array) => readRequest(new MsgpackReader(data.slice()).read());
  assert.deepEqual(parse(writeRequest(writer, "named", { id: 7, method: "put", args })), {
    dialect: "named",
    id: 7,
    method: "put",
    args: new Map(args),
  });
  assert.deepEqual(parse(writeRequest(writer, "positional", { id: 7, method: "put", args })), {
    dialect: "positional",
    id: 7,
    method: "put",
    args: args.map(([, value]) => value),
  });
});

Deno.test("readAnswer() reads what writeAnswer() writes, in both dialects", () => {
  const writer = new MsgpackWriter();
  for (const dialect of ["named", "positional"] as const) {
    for (const id of [0, 2 ** 40, 2n ** 63n]) {
      for (const result of [null, true, 5, text("data"), [text("a"), 1]] as Packable[]) {
        const data = writeAnswer(writer, dialect, id, result).slice();
        assert.deepEqual(readAnswer(new MsgpackReader(data).read()), { id, result });
      }
    }
  }
});

Deno.test("readRequest() and readAnswer() give null for anything else, and never throw", () => {
  const WRONG: Unpacked[] = [
    null,
    1,
    text("hello"),
    [],
    [1, 2, 3],
    [1, 2, text("m"), [], 5],
    new Map(),
    new Map<string, Unpacked>([["i", text("1")], ["m", text("get")], ["a", new Map()]]),
    new Map<string, Unpacked>([["i", 1.5], ["m", text("get")], ["a", new Map()], ["r", null]]),
    new Map<string, Unpacked>([["i", 1]]),
  ];
  for (const value of WRONG) {
    assert.equal(readRequest(value), null);
    assert.equal(readAnswer(value), null);
  }
  assert.equal(readRequest([1, 2, null, []]), null);
  assert.equal(readRequest([1, 2, text("m"), new Map()]), null);
  assert.equal(
    readRequest(new Map<string, Unpacked>([["i", 1], ["m", text("m")], ["a", new Map([[5, null]])]])),
    null,
  );
  fc.assert(fc.property(VALUE, (value) => {
    readRequest(value);
    readAnswer(value);
  }));
});
