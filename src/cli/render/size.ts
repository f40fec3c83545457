/** Sizes as people read them. */

const units = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** `812 bytes`, `1.4 MB`: powers of a thousand, two digits at least. */
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? "bytes"}`;
}
