import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonObject } from "../../../json/value.ts";
import { durationMs } from "./duration.ts";
import { mountsOf } from "./mounts.ts";
import { definitionOf } from "./service.ts";

function fieldsOf(web: JsonObject, top: JsonObject = {}): JsonObject {
  const definition = definitionOf({ name: "px", services: { web: { image: "i:1", ...web } }, ...top }, "web");
  if (definition === undefined) throw new Error("web is defined");
  return definition.fields;
}

test("durations are read as Compose prints them, and nothing else is one", () => {
  const unit = fc.nat(59);
  fc.assert(
    fc.property(fc.nat(99), unit, unit, fc.nat(999), (hours, minutes, seconds, ms) => {
      const written = `${hours}h${minutes}m${seconds}.${String(ms).padStart(3, "0")}s`;
      expect(durationMs(written)).toBe(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms);
    }),
  );
  expect([durationMs("250ms"), durationMs("0s"), durationMs("1500us")]).toEqual([250, 0, 2]);
  for (const odd of ["", "5", "1x", "s", "1 s", "-1s", null, 5]) expect(durationMs(odd)).toBeUndefined();
});

test("no value of the environment is among the fields, and every change of one is seen", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 12 }), fc.string({ minLength: 12 }), (one, other) => {
      const written = (value: string) => fieldsOf({ environment: { KEY: value.replaceAll("$", "$$$$") } });
      expect(Object.values(written(one)["environment"] ?? {})).not.toContain(one);
      const same = Bun.deepEquals(written(one), written(other));
      expect(same).toBe(one === other);
    }),
  );
  expect(fieldsOf({ environment: { KEY: null } })["environment"]).toEqual({ KEY: null });
});

test("what Compose prints as a dollar twice is one", () => {
  expect(fieldsOf({ command: ["echo $$HOME"], labels: { price: "5$$" } })).toMatchObject({
    command: ["echo $HOME"],
    labels: { price: "5$" },
  });
});

test("the digest of a definition hangs on what a container is made of, and on nothing else", () => {
  const plain = fieldsOf({})["definition"];
  const same = [
    { deploy: { replicas: 3, resources: {}, placement: {} }, command: null, entrypoint: null },
    { depends_on: { db: { condition: "service_started" } }, profiles: ["x"], pull_policy: "never", scale: 2 },
  ];
  for (const one of same) expect(fieldsOf(one)["definition"]).toBe(plain ?? "");
  for (const one of [
    { sysctls: { a: "1" } },
    { tty: true },
    { image: "i:2" },
    { deploy: { mode: "global" } },
  ])
    expect(fieldsOf(one)["definition"]).not.toBe(plain ?? "");
  const config = (content: string) => ({ configs: { c: { name: "px_c", content } } });
  const used = (content: string) => fieldsOf({ configs: [{ source: "c" }] }, config(content))["definition"];
  expect(used("a")).not.toBe(used("b") ?? "");
});

test("a job is what says so or is waited for", () => {
  const job = (web: JsonObject, other: JsonObject = {}) =>
    definitionOf({ name: "px", services: { web, other } }, "web")?.job;
  expect(job({})).toBe(false);
  expect(job({ restart: "no" })).toBe(true);
  expect(job({ restart: "always" })).toBe(false);
  const waits = (condition: string) => ({ depends_on: { web: { condition } } });
  expect(job({}, waits("service_completed_successfully"))).toBe(true);
  expect(job({}, waits("service_started"))).toBe(false);
});

test("a service that is not there has no definition, whatever its name is", () => {
  for (const name of ["nowhere", "constructor", "__proto__", "toString"])
    expect(definitionOf({ name: "px", services: { web: {} } }, name)).toBeUndefined();
});

test("mounts go by their real source, and volumes without a name are nobody's", () => {
  const config: JsonObject = {
    name: "px",
    volumes: { v: { name: "lit" } },
    secrets: { s: { file: "/f/s" } },
  };
  const own: JsonObject = {
    volumes: [
      { type: "bind", source: "/host/b/", target: "/b/", read_only: true },
      { type: "volume", source: "v", target: "/v" },
      { type: "volume", source: "w", target: "/w" },
      { type: "volume", target: "/anonymous" },
      { type: "tmpfs", target: "/t" },
    ],
    secrets: [{ source: "s" }, { source: "s", target: "other" }, { source: "s", target: "/abs" }],
  };
  expect(mountsOf(config, own)).toEqual({
    "/b": "bind:/host/b:ro",
    "/v": "volume:lit:rw",
    "/w": "volume:px_w:rw",
    "/run/secrets/s": "bind:/f/s:ro",
    "/run/secrets/other": "bind:/f/s:ro",
    "/abs": "bind:/f/s:ro",
  });
});
