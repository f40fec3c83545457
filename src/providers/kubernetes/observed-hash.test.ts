import { expect, test } from "bun:test";
import { observedHash, observedHashBody } from "./observed-hash.ts";

const body = observedHashBody({
  kind: "pod",
  namespace: "prod",
  phase: "Running",
  uid: "uid-1",
  containerImageIds: ["img@sha256:bb", "img@sha256:aa"],
});

test("the documented hash of a pod comes out as documented, whatever the order of its containers", () => {
  expect(observedHash("svc-api", body)).toBe(
    "76a7852da57d1bbc079fe5e9360fe99d48ffbcce91fb6d242c3a520b921163ce",
  );
});

test("a contract is part of the hash, and names its version", () => {
  const compose = {
    provider: "docker_compose_observe",
    service: "api",
    state: "running",
    image_digest: "sha256:1111",
    image_ref: "shop/api:1.2",
    config_hash: "api 9f2d0c",
  };
  expect(observedHash("svc-api", compose)).toBe(
    "4c9b07b5905dfe90c361c8cf230cd0e51e116842ac94d4f484e8f00e018fe03c",
  );
  expect(observedHash("svc-api", compose, { version: 2, algorithm: "x" })).toBe(
    "c3aedd4cfbb6c7feb1d926d371fd94992d7b2d5bb9f357ad0eb615b608c025e2",
  );
});
