/**
 * A 128-bit hash of paths under a seed, folder and name one after the other: MurmurHash3 x86_128 (Austin Appleby, public domain), fed with UTF-16 units in pairs.
 * Not cryptographic; the seed is random per cache file, so nobody can prepare two names that collide.
 */
const C1 = 0x239b961b;
const C2 = 0xab0e9789;
const C3 = 0x38b34ae5;
const C4 = 0xa1e38b93;

function rotate(value: number, bits: number): number {
  return value << bits | value >>> (32 - bits);
}

function finish(h: number): number {
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return h ^ h >>> 16;
}

export class PathHash {
  /** The hash of the last {@link update}. */
  readonly words = new Uint32Array(4);
  readonly #seed = new Uint32Array(4);

  /** `seed`: 16 bytes. */
  constructor(readonly seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, 16);
    for (let i = 0; i < 4; i++) this.#seed[i] = view.getUint32(4 * i, true);
  }

  /** The folder of the path hashed last, with its slash, and the hash of that. */
  #folder = "";
  readonly #folderWords = new Uint32Array(4);

  /** The name under the hash of its folder as the seed: most paths lie where the one before does. */
  update(path: string): void {
    const slash = path.lastIndexOf("/") + 1;
    if (slash !== this.#folder.length || !path.startsWith(this.#folder)) {
      this.#folder = path.slice(0, slash);
      this.#hash(this.#folder, 0, slash, this.#seed);
      this.#folderWords.set(this.words);
    }
    this.#hash(path, slash, path.length, slash === 0 ? this.#seed : this.#folderWords);
  }

  #hash(path: string, from: number, to: number, seed: Uint32Array): void {
    let h1 = seed[0]! | 0;
    let h2 = seed[1]! | 0;
    let h3 = seed[2]! | 0;
    let h4 = seed[3]! | 0;
    const length = to - from;
    // Beyond the end of the path charCodeAt gives NaN, which becomes 0 here; the length goes in at the end.
    for (let i = from; i < to; i += 8) {
      const k1 = path.charCodeAt(i) | path.charCodeAt(i + 1) << 16;
      const k2 = path.charCodeAt(i + 2) | path.charCodeAt(i + 3) << 16;
      const k3 = path.charCodeAt(i + 4) | path.charCodeAt(i + 5) << 16;
      const k4 = path.charCodeAt(i + 6) | path.charCodeAt(i + 7) << 16;
      h1 ^= Math.imul(rotate(Math.imul(k1, C1), 15), C2);
      h1 = Math.imul(rotate(h1, 19) + h2, 5) + 0x561ccd1b | 0;
      h2 ^= Math.imul(rotate(Math.imul(k2, C2), 16), C3);
      h2 = Math.imul(rotate(h2, 17) + h3, 5) + 0x0bcaa747 | 0;
      h3 ^= Math.imul(rotate(Math.imul(k3, C3), 17), C4);
      h3 = Math.imul(rotate(h3, 15) + h4, 5) + 0x96cd1c35 | 0;
      h4 ^= Math.imul(rotate(Math.imul(k4, C4), 18), C1);
      h4 = Math.imul(rotate(h4, 13) + h1, 5) + 0x32ac3b17 | 0;
    }
    h1 ^= length;
    h2 ^= length;
    h3 ^= length;
    h4 ^= length;
    h1 = h1 + h2 + h3 + h4 | 0;
    h2 = h2 + h1 | 0;
    h3 = h3 + h1 | 0;
    h4 = h4 + h1 | 0;
    h1 = finish(h1);
    h2 = finish(h2);
    h3 = finish(h3);
    h4 = finish(h4);
    h1 = h1 + h2 + h3 + h4 | 0;
    this.words[0] = h1;
    this.words[1] = h2 + h1;
    this.words[2] = h3 + h1;
    this.words[3] = h4 + h1;
  }
}
