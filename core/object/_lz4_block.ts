/**
 * The size of what a raw LZ4 block holds, which the block does not tell (lz4's `lz4_Block_format.md`).
 *
 *     sequence := token (literal count : 4 | match length - 4 : 4) [255…] literals offset:u16le [255…]
 *     The last sequence ends after its literals.
 */

const MIN_MATCH = 4;
const LONG = 15;

/**
 * How many bytes the block would give, -1 when it is malformed. Reads lengths only; distances are checked roughly. Tells
 * a block that needs a larger buffer from rubbish without trying.
 */
export function lz4PlainSize(input: Uint8Array): number {
  const end = input.length;
  let from = 0;
  let size = 0;
  const run = (nibble: number): number => {
    let length = nibble;
    if (nibble === LONG) {
      let byte = 255;
      while (byte === 255 && from < end) {
        byte = input[from++]!;
        length += byte;
      }
    }
    return length;
  };
  while (from < end) {
    const token = input[from++]!;
    const literals = run(token >> 4);
    from += literals;
    size += literals;
    if (from === end) return size;
    if (from + 2 > end) return -1;
    from += 2;
    size += run(token & LONG) + MIN_MATCH;
  }
  return -1;
}
