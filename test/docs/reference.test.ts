/** The reference of all commands and errors is what their tables say now. */
import { expect, test } from "bun:test";
import { errorReferencePath, errorReferenceText } from "../../scripts/error-reference.ts";
import { referencePath, referenceText } from "../../scripts/reference.ts";

test("docs/reference/commands.md is current; `bun scripts/reference.ts` makes it so", async () => {
  expect(await Bun.file(referencePath).text()).toBe(await referenceText());
});

test("docs/reference/errors.md is current; `bun scripts/error-reference.ts` makes it so", async () => {
  expect(await Bun.file(errorReferencePath).text()).toBe(errorReferenceText());
});
