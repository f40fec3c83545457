/** Beginnings of ids that still name one run each: what a narrow terminal shows, and every command takes back. */

/** The time in a UUIDv7; runs of the same millisecond get more. */
const lengthMin = 13;

/** The shortest beginning of each of `ids` that no other of them has, never shorter than people recognise. */
export function shortIds(ids: readonly string[]): ReadonlyMap<string, string> {
  const sorted = [...new Set(ids)].sort();
  return new Map(
    sorted.map((id, index) => {
      const shared = Math.max(sharedLength(id, sorted[index - 1]), sharedLength(id, sorted[index + 1]));
      return [id, id.slice(0, Math.max(lengthMin, shared + 1))];
    }),
  );
}

function sharedLength(one: string, other = ""): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}
