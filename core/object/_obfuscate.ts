/**
 * How many bytes of padding hide the size of a compressed chunk (borg docs, usage/help.rst, "borg help compression",
 * obfuscate). In: the compressed size and the number of the scheme. Out: a count of zero bytes to add.
 */

/** Largest stored object less room for the envelope (borg constants: MAX_DATA_SIZE - 1024). */
const MAX_PADDED = 20_971_479 - 1024;

/** `random`: uniformly distributed from 0 up to, not including, 1. */
export function paddingSize(size: number, spec: number, random: () => number): number {
  const wanted = spec === 250 ? padme(size) : spec >= 110
    // 110 to 123: anything up to a maximum of 1 KiB to 8 MiB
    ? Math.floor(2 ** (spec - 100) * random())
    // 1 to 6: proportional to the size; usually little, ever more rarely much more
    : Math.floor(size * (0.001 * 10 ** spec / Math.max(0.0001, random())));
  return Math.max(0, Math.min(wanted, MAX_PADDED - size));
}

/** Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", 2019): at most 12 % more. */
function padme(size: number): number {
  if (size < 2) return 0;
  const exponent = 31 - Math.clz32(size);
  const kept = exponent === 0 ? 0 : 32 - Math.clz32(exponent);
  const unit = 2 ** Math.max(0, exponent - kept);
  return Math.ceil(size / unit) * unit - size;
}
