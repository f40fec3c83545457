import { expect, test } from "bun:test";
import { composeObservedBody, observedHash } from "./observed-hash.ts";

const body = composeObservedBody({
  service: "api",
  state: "running",
  imageDigest: "sha256:1111",
  imageRef: "shop/api:1.2",
  configHash: "api 9f2d0c",
});

test("the observed hash is the documented one, with and without a contract", () => {
  expect(observedHash("svc-api", body)).toBe(
    "4c9b07b5905dfe90c361c8cf230cd0e51e116842ac94d4f484e8f00e018fe03c",
  );
  expect(observedHash("svc-api", body, { version: 2, algorithm: "x" })).toBe(
    "c3aedd4cfbb6c7feb1d926d371fd94992d7b2d5bb9f357ad0eb615b608c025e2",
  );
});
