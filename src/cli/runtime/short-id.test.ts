import { expect, test } from "bun:test";
import fc from "fast-check";
import { shortIds } from "./short-id.ts";

const id = fc.stringMatching(/^[ab]{1,20}$/);

test("a short id names one run: its own, by its beginning or as a whole", () => {
  fc.assert(
    fc.property(fc.uniqueArray(id, { minLength: 1, maxLength: 30 }), (ids) => {
      const short = shortIds(ids);
      for (const whole of ids) {
        const shown = short.get(whole) ?? "";
        expect(whole.startsWith(shown)).toBe(true);
        const meant = ids.includes(shown) ? [shown] : ids.filter((other) => other.startsWith(shown));
        expect(meant).toEqual([whole]);
      }
    }),
  );
});

test("ids made in different milliseconds differ in what is shown first", () => {
  const ids = ["01a203e2-b1a5-70df-b965-5658a23e66b4", "01a203e2-ae22-76d7-b383-52e0cb777d71"];
  expect([...shortIds(ids).values()].sort()).toEqual(["01a203e2-ae22", "01a203e2-b1a5"]);
});
