import assert from "node:assert/strict";
import fc from "fast-check";
import { NONCE_RESERVATION, nonceFloor, NonceKeeper } from "../../../core/crypto/mod.ts";
import { AppError, RemoteError } from "../../../core/errors.ts";

/** Both sides of reservations as they persist, with the checks that the contracts promise. */
class Witnesses {
  remote: bigint | null = null;
  local: bigint | null = null;
  asynchronous = false;
  reservations = 0;
  fail: "remote" | "local" | null = null;

  keeper(floor = 0n): NonceKeeper {
    const later = <T>(value: () => T): T | Promise<T> =>
      this.asynchronous ? Promise.resolve().then(() => {}).then(value) : value();
    return new NonceKeeper({
      floor,
      repository: {
        getFreeNonce: () => later(() => this.remote),
        commitNonceReservation: (end, previous) =>
          later(() => {
            if (this.fail === "remote") throw new Error("connection lost");
            assert.equal(previous, this.remote);
            this.remote = end;
            this.reservations++;
          }),
      },
      local: {
        readNonce: () => this.local,
        writeNonce: (end, previous) => {
          if (this.fail === "local") throw new Error("disk full");
          assert.equal(previous, this.local);
          this.local = end;
        },
      },
    });
  }
}

async function take(keeper: NonceKeeper, blocks: number): Promise<bigint> {
  const into = new Uint8Array(10);
  const wait = keeper.take(blocks, into, 1);
  if (wait) await wait;
  return new DataView(into.buffer).getBigUint64(1, false);
}

Deno.test("NonceKeeper.take() reserves before it gives, on both sides, and answers at once", () => {
  const witnesses = new Witnesses();
  const into = new Uint8Array(8);
  assert.equal(witnesses.keeper().take(3, into, 0), undefined);
  assert.deepEqual(into, new Uint8Array(8));
  assert.equal(witnesses.remote, BigInt(NONCE_RESERVATION + 3));
  assert.equal(witnesses.local, BigInt(NONCE_RESERVATION + 3));
});

Deno.test("NonceKeeper.take() gives counters without gap or overlap inside of a reservation", async () => {
  const witnesses = new Witnesses();
  const keeper = witnesses.keeper();
  assert.equal(await take(keeper, 5), 0n);
  assert.equal(await take(keeper, 0), 5n);
  assert.equal(await take(keeper, 2), 5n);
  assert.equal(await take(keeper, 1), 7n);
  assert.equal(witnesses.reservations, 1);
});

Deno.test("NonceKeeper.take() starts at the largest of repository, machine and manifest, whichever is missing", async () => {
  const values = [null, 0n, 7n, 1n << 33n, (1n << 32n) - 2n, (1n << 60n) + 5n];
  for (const remote of values) {
    for (const local of values) {
      for (const floor of [0n, 9n, (1n << 34n) + 1n]) {
        const witnesses = Object.assign(new Witnesses(), { remote, local });
        const start = [remote ?? 0n, local ?? 0n, floor].reduce((a, b) => a > b ? a : b);
        const keeper = witnesses.keeper(floor);
        assert.equal(await take(keeper, 4), start);
        assert.equal(await take(keeper, 1), start + 4n);
        assert.equal(witnesses.remote, start + 4n + BigInt(NONCE_RESERVATION));
        assert.equal(witnesses.local, witnesses.remote);
      }
    }
  }
});

Deno.test("NonceKeeper.take() reserves anew when a reservation is used up, also for more than one reservation", async () => {
  const witnesses = new Witnesses();
  const keeper = witnesses.keeper();
  await take(keeper, 1);
  assert.equal(await take(keeper, NONCE_RESERVATION), 1n);
  assert.equal(witnesses.reservations, 1);
  assert.equal(await take(keeper, 1), BigInt(NONCE_RESERVATION + 1));
  assert.equal(witnesses.reservations, 2);
  const large = 3 * NONCE_RESERVATION;
  const at = await take(keeper, large);
  assert.ok(witnesses.remote! >= at + BigInt(large));
});

Deno.test("NonceKeeper.take() remembers what it gave though both sides are set back while it runs", async () => {
  const witnesses = new Witnesses();
  const keeper = witnesses.keeper();
  await take(keeper, 10);
  witnesses.remote = null;
  witnesses.local = 3n;
  assert.equal(await take(keeper, NONCE_RESERVATION + 1), BigInt(NONCE_RESERVATION + 10));
});

/** Plays sessions that end without notice, of which each sees a repository or a machine set back to an older state. */
async function playSessions(
  steps: { blocks: number[]; setBack: "remote" | "local" | "none"; to: number; asynchronous: boolean }[],
): Promise<void> {
  const witnesses = new Witnesses();
  const history: { remote: bigint | null; local: bigint | null }[] = [{ remote: null, local: null }];
  let used = 0n;
  for (const { blocks, setBack, to, asynchronous } of steps) {
    const old = history[to % history.length]!;
    if (setBack !== "none") witnesses[setBack] = old[setBack];
    witnesses.asynchronous = asynchronous;
    const keeper = witnesses.keeper();
    // In turn or all at once: what comes later must not be given what was given before.
    const starts = await Promise.all(blocks.map((count) => take(keeper, count)));
    const ranges = starts.map((start, i) => ({ start, end: start + BigInt(blocks[i]!) }));
    ranges.sort((a, b) => a.start < b.start ? -1 : a.start > b.start ? 1 : Number(a.end - b.end));
    for (const { start, end } of ranges) {
      assert.ok(start >= used, `counter ${start} was used before ${used}`);
      used = end;
    }
    history.push({ remote: witnesses.remote, local: witnesses.local });
  }
}

Deno.test("NonceKeeper.take() never gives a counter twice though sessions die and one side is set back or missing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          blocks: fc.array(fc.oneof(fc.nat(1000), fc.nat(2 ** 29)), { minLength: 1, maxLength: 8 }),
          setBack: fc.constantFrom("remote" as const, "local" as const, "none" as const),
          to: fc.nat(20),
          asynchronous: fc.boolean(),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      playSessions,
    ),
    { numRuns: 300 },
  );
});

Deno.test("NonceKeeper.take() gives nothing when a reservation fails, and tries anew the next time", async () => {
  for (const asynchronous of [false, true]) {
    for (const side of ["remote", "local"] as const) {
      const witnesses = new Witnesses();
      witnesses.asynchronous = asynchronous;
      witnesses.fail = side;
      const keeper = witnesses.keeper();
      await assert.rejects(() => take(keeper, 1));
      const concurrent = await Promise.allSettled([take(keeper, 1), take(keeper, 1)]);
      assert.deepEqual(concurrent.map(({ status }) => status), ["rejected", "rejected"]);
      witnesses.fail = null;
      const first = await take(keeper, 1);
      assert.ok(first >= 0n);
      assert.equal(await take(keeper, 1), first + 1n);
      assert.ok(witnesses.remote! > first && witnesses.local! > first);
    }
  }
});

Deno.test("NonceKeeper.take() stops before the counter space ends", async () => {
  const witnesses = Object.assign(new Witnesses(), { remote: 2n ** 64n - 1n - BigInt(NONCE_RESERVATION) });
  await assert.rejects(() => take(witnesses.keeper(), 1), AppError);
  assert.equal(witnesses.local, null);
});

Deno.test("NonceKeeper.take() does without the repository where the server knows no nonces", async () => {
  for (const asynchronous of [false, true]) {
    const witnesses = Object.assign(new Witnesses(), { local: 77n });
    let asked = 0;
    const refuse = () => {
      asked++;
      const error = new RemoteError("InvalidRPCMethod", ["get_free_nonce"]);
      if (asynchronous) return Promise.reject(error);
      throw error;
    };
    const keeper = new NonceKeeper({
      floor: 5n,
      repository: { getFreeNonce: refuse, commitNonceReservation: () => assert.fail("not to be called") },
      local: {
        readNonce: () => witnesses.local,
        writeNonce: (end) => {
          witnesses.local = end;
        },
      },
    });
    assert.equal(await take(keeper, 1), 77n);
    await take(keeper, NONCE_RESERVATION + 9);
    assert.equal(asked, 1);
  }
});

Deno.test("nonceFloor() is past every counter that the manifest can have used", () => {
  const stored = new Uint8Array(41 + 100);
  new DataView(stored.buffer).setBigUint64(33, 1000n, false);
  assert.equal(nonceFloor(stored), 1009n);
  assert.equal(nonceFloor(new Uint8Array(3)), 0n);
});
