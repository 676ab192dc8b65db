/** Sizes and durations as borg prints them. */

const DECIMAL = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/** As `toFixed`, but what lies in the middle becomes even, as Python rounds (1125 bytes are "1.12 kB"). */
function fixed(value: number, digits: number): string {
  const exact = Math.abs(value).toFixed(digits + 20);
  const kept = exact.slice(0, exact.length - 20);
  const isMiddle = /^50*$/.test(exact.slice(-20)) && /[02468]$/.test(kept);
  return isMiddle ? `${value < 0 ? "-" : ""}${kept}` : value.toFixed(digits);
}

/**
 * "10.49 MB", or with `iec` "10.00 MiB". Bytes below one kilo are shown as "512 B". `sign`: a plus before what is above
 * zero.
 */
export function formatSize(
  bytes: number,
  iec = false,
  { digits = 2, sign = false }: { digits?: number; sign?: boolean } = {},
): string {
  const units = iec ? BINARY : DECIMAL;
  const power = iec ? 1024 : 1000;
  let value = bytes;
  let unit = 0;
  // borg rounds before it compares, so 999,999 bytes are "1.00 MB".
  while (unit < units.length - 1 && Math.abs(Number(fixed(value, digits))) >= power) {
    value /= power;
    unit++;
  }
  const plus = sign && bytes > 0 ? "+" : "";
  // Minus nothing is nothing.
  return unit === 0 ? `${plus}${bytes + 0} B` : `${plus}${fixed(value, digits)} ${units[unit]}B`;
}

/** "1 hours 2 minutes 3.45 seconds", as borg says a duration. */
export function formatDuration(seconds: number): string {
  const s = seconds % 60;
  const minutes = Math.floor(seconds / 60) % 60;
  const hours = Math.floor(seconds / 3600) % 24;
  const days = Math.floor(seconds / 86_400);
  let text = `${s.toFixed(2)} seconds`;
  if (minutes) text = `${minutes} minutes ${text}`;
  if (hours) text = `${hours} hours ${text}`;
  if (days) text = `${days} days ${text}`;
  return text;
}
