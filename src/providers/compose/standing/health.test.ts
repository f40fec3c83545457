import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Container } from "./containers.ts";
import { containerHealth, copiesOf, serviceHealth } from "./health.ts";

function container(more: Partial<Container>): Container {
  return {
    id: "c",
    name: "px-web-1",
    imageId: "sha256:i",
    project: "px",
    service: "web",
    labels: {},
    status: "running",
    exitCode: 0,
    startError: "",
    oomKilled: false,
    restarts: 0,
    config: {},
    host: {},
    mounts: [],
    networks: [],
    ...more,
  };
}

const running = container({});
const ill = container({ health: "unhealthy" });
const starting = container({ health: "starting" });
const crashed = container({ status: "exited", exitCode: 1 });
const done = container({ status: "exited" });

test("a container is as well as its state and its health check say", () => {
  const healths = [
    [running, "healthy"],
    [container({ health: "healthy" }), "healthy"],
    [ill, "degraded"],
    [starting, "unknown"],
    [crashed, "failed"],
    [done, "failed"],
    [container({ status: "restarting", exitCode: 1 }), "degraded"],
    [container({ status: "paused" }), "unknown"],
    [container({ status: "created" }), "unknown"],
    [container({ status: "created", startError: "no such file" }), "failed"],
    [container({ status: "dead" }), "failed"],
    [container({ status: "exited", oomKilled: true }), "failed"],
    [container({ status: "hibernating" }), "unknown"],
  ] as const;
  for (const [one, health] of healths) {
    expect([one.status, one.health, containerHealth(one, false).health]).toEqual([
      one.status,
      one.health,
      health,
    ]);
  }
});

test("only a job may end, and only with code 0", () => {
  expect(containerHealth(done, true).health).toBe("healthy");
  expect(containerHealth(crashed, true).health).toBe("failed");
  expect(containerHealth(container({ status: "exited", oomKilled: true }), true).health).toBe("failed");
});

test("all copies count, and so do those that are missing", () => {
  const of = (containers: readonly Container[], replicas: number) =>
    serviceHealth(containers, false, replicas).health;
  expect(of([running, running], 2)).toBe("healthy");
  expect(of([running, ill], 2)).toBe("degraded");
  expect(of([running, starting], 2)).toBe("unknown");
  expect(of([running, crashed], 2)).toBe("degraded");
  expect(of([crashed, crashed], 2)).toBe("failed");
  expect(of([running], 2)).toBe("degraded");
  expect(of([starting], 2)).toBe("degraded");
});

test("a service is healthy exactly when every copy is there and ready, in whatever order they are seen", () => {
  const kinds = fc.constantFrom(running, ill, starting, crashed, done, container({ status: "paused" }));
  fc.assert(
    fc.property(
      fc.array(kinds, { minLength: 1, maxLength: 6 }),
      fc.nat(6),
      fc.boolean(),
      (copies, replicas, job) => {
        const { health, message } = serviceHealth(copies, job, replicas);
        const { total, ready } = copiesOf(copies, job, () => true);
        expect(health === "healthy").toBe(ready === total && total >= replicas);
        expect(message === undefined).toBe(health === "healthy");
        expect(serviceHealth([...copies].reverse(), job, replicas).health).toBe(health);
      },
    ),
  );
});
