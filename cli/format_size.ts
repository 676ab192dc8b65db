/** Sizes and durations as borg prints them. */

const DECIMAL = ["", "k", "M", "G", "T", "P", "E", "Z", "Y"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];

/** "10.49 MB", or with `iec` "10.00 MiB". Bytes below one kilo are shown as "512 B". */
export function formatSize(bytes: number, iec = false): string {
  const units = iec ? BINARY : DECIMAL;
  const power = iec ? 1024 : 1000;
  let value = bytes;
  let unit = 0;
  // borg rounds before it compares, so 999,999 bytes are "1.00 MB".
  while (unit < units.length - 1 && Math.abs(Number(value.toFixed(2))) >= power) {
    value /= power;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(2)} ${units[unit]}B`;
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
