/** Numbers, times and lists in sentences. Never cuts a name: what is long is for whoever prints it to wrap. */

/** `1 step`, `2 steps`. */
export function many(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `a`, `a and b`, `a, b and c`; what is beyond `most` is counted. */
export function listed(items: readonly string[], most = 12): string {
  const shown = items.length > most ? [...items.slice(0, most), `${items.length - most} more`] : items;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

const units: readonly (readonly [number, string])[] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** `90 s`, `10 min`, `250 ms`: the largest unit that says it without a rest. */
export function timeText(ms: number): string {
  const unit = units.find(([size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms} ms` : `${ms / unit[0]} ${unit[1]}`;
}

const binary: readonly (readonly [number, string])[] = [
  [1_073_741_824, "GiB"],
  [1_048_576, "MiB"],
  [1_024, "KiB"],
];

export function sizeText(bytes: number): string {
  const unit = binary.find(([size]) => bytes >= size && bytes % size === 0);
  return unit === undefined ? many(bytes, "byte") : `${bytes / unit[0]} ${unit[1]}`;
}
