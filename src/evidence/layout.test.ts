/** How files name others. */
import { expect, test } from "bun:test";
import { shownPath } from "./layout.ts";

test("a path is shown below the scope where it lies there, and whole where it does not", () => {
  const shown = (path: string) => shownPath("/outputs/acme/shop", path);
  expect(shown("/outputs/acme/shop/release.json")).toBe("release.json");
  expect(shown("/outputs/acme/shop/..staged/release.json")).toBe("..staged/release.json");
  expect(shown("/outputs/acme/shop-2/release.json")).toBe("/outputs/acme/shop-2/release.json");
  expect(shown("/outputs/release.json")).toBe("/outputs/release.json");
});
