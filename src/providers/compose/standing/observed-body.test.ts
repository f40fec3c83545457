import { expect, test } from "bun:test";
import { readInspect } from "./containers.ts";
import { composeObservedBody } from "./observed-body.ts";

const inspected = (more: object = {}, labels: object = {}) =>
  readInspect(
    JSON.stringify({
      Id: "c1",
      Name: "/shop-api-1",
      Image: "sha256:1111",
      State: { Status: "running" },
      HostConfig: {},
      Config: {
        Image: "shop/api:1.2",
        Labels: {
          "com.docker.compose.service": "api",
          "com.docker.compose.config-hash": "9f2d0c",
          ...labels,
        },
      },
      ...more,
    }),
  ).containers;

const body = {
  provider: "docker_compose_observe",
  service: "api",
  state: "running",
  image_digest: "sha256:1111",
  image_ref: "shop/api:1.2",
  config_hash: "api 9f2d0c",
};

test("a service is told by its first container, in the documented shape", () => {
  expect(composeObservedBody("api", inspected())).toEqual(body);
  expect(composeObservedBody("api", [...inspected(), ...inspected({ State: { Status: "exited" } })])).toEqual(
    body,
  );
});

test("what a container does not say is null, as documented", () => {
  const bare = inspected({ Image: "", Config: { Labels: { "com.docker.compose.service": "api" } } });
  expect(composeObservedBody("api", bare)).toEqual({
    ...body,
    image_digest: null,
    image_ref: null,
    config_hash: null,
  });
});

test("a service without a container of its own has none", () => {
  expect(composeObservedBody("api", [])).toBeUndefined();
  expect(composeObservedBody("web", inspected())).toBeUndefined();
});
