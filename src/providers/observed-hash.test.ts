import { expect, test } from "bun:test";
import { JsonFloat } from "../json/value.ts";
import { observedHash } from "./observed-hash.ts";

const compose = {
  provider: "docker_compose_observe",
  service: "api",
  state: "running",
  image_digest: "sha256:1111",
  image_ref: "shop/api:1.2",
  config_hash: "api 9f2d0c",
};

test("the hash of what was seen is the documented one, with and without a contract", () => {
  expect(observedHash("svc-api", compose)).toBe(
    "4c9b07b5905dfe90c361c8cf230cd0e51e116842ac94d4f484e8f00e018fe03c",
  );
  expect(observedHash("svc-api", compose, { version: 2, algorithm: "x" })).toBe(
    "c3aedd4cfbb6c7feb1d926d371fd94992d7b2d5bb9f357ad0eb615b608c025e2",
  );
});

test("only a whole number is a version, and an empty contract is one all the same", () => {
  const hash = (contract?: Parameters<typeof observedHash>[2]) => observedHash("svc-api", {}, contract);
  expect(hash({})).not.toBe(hash());
  const versions = [1, 2, 2n ** 70n, 1.5, new JsonFloat(2), "2", true, null];
  expect(new Set(versions.map((version) => hash({ version }))).size).toBe(versions.length);
});
