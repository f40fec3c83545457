import { expect, test } from "bun:test";
import { failedCall, lastWords, saysOnlyGone } from "./docker.ts";
import { otherFilesIn } from "./manifest.ts";
import { markFile } from "./marks.ts";

const end = (stderr: string, exitCode = 1) => ({ exitCode, stdout: "", stderr });

test("docker's words are shown without colours, control characters and the folder of the moment", () => {
  expect(
    lastWords(
      end("\u001b[31mred\u001b[0m\r\u0007\n/tmp/akc-compose-x/compose-1.yaml: bad\n"),
      "/tmp/akc-compose-x",
    ),
  ).toBe("red\ncompose-1.yaml: bad");
  expect(lastWords(end(`${"é😀".repeat(3_000)}`)).length).toBeLessThanOrEqual(4_096);
  expect(lastWords(end("x".repeat(5_000)))).toHaveLength(4_096);
});

test("only what is worth another try is retryable", () => {
  const told = (words: string, exitCode = 1) => failedCall("docker compose up", end(words, exitCode)).details;
  expect(told("Cannot connect to the Docker daemon at unix:///x.")).toMatchObject({
    reason: "unreachable",
    retryable: true,
  });
  expect(told("permission denied while trying to connect to the Docker daemon socket")).toMatchObject({
    reason: "denied",
    retryable: false,
  });
  expect(told("Bind for 0.0.0.0:80 failed: port is already allocated")).toMatchObject({
    reason: "taken",
    retryable: true,
  });
  expect(told("Error: No such image: local/nope:1")).toMatchObject({
    reason: "image_missing",
    retryable: false,
  });
  expect(told("yaml: line 1", 15)).toMatchObject({ reason: "failed", retryable: false });
  expect(told("something else")).toMatchObject({ reason: "failed", retryable: true });
});

test("a docker without Compose is told as a program that is missing, not as a failure to try again", () => {
  for (const words of [
    "unknown flag: --ansi\n\nRun 'docker --help'",
    "docker: 'compose' is not a docker command.",
  ]) {
    const error = failedCall("docker compose config", end(words, 125));
    expect({ code: error.code, message: error.message }).toEqual({
      code: "TOOL_MISSING",
      message: expect.stringContaining("compose"),
    });
  }
});

test("only complaints about what is gone pass for an end without a fault", () => {
  expect(saysOnlyGone(end("", 0))).toBe(true);
  expect(saysOnlyGone(end("Error: No such object: a\nError: No such object: b\n"))).toBe(true);
  expect(saysOnlyGone(end("Error: No such object: a\nCannot connect to the Docker daemon"))).toBe(false);
  expect(saysOnlyGone(end(""))).toBe(false);
});

test("a manifest that draws in other files is found out, also behind anchors", () => {
  expect(otherFilesIn("services: {a: {extends: b}, b: {extends: {service: a}}}")).toEqual([]);
  expect(otherFilesIn("services: {a: {extends: {file: o.yaml, service: a}}}")).toEqual([
    "services.a.extends.file",
  ]);
  expect(
    otherFilesIn("x-b: &b {extends: {file: o.yaml}}\nservices: {a: {<<: *b}}\ninclude: [p.yaml]"),
  ).toEqual(["include", "services.a.extends.file"]);
  for (const odd of ["", "[", "services: 1", "services: {a: 1}", "include:"])
    expect(() => otherFilesIn(odd)).not.toThrow();
});

test("a mark stays what it is where Compose would fill in variables", () => {
  const mark = {
    scope: "a/$b",
    resourceId: "r",
    resourceClass: "service",
    desiredHash: "d",
    definition: "x",
    fieldsDigest: "f",
    changeDigest: "c",
  };
  expect(JSON.parse(markFile("web", mark)).services.web.labels["run.akc.scope"]).toBe("a/$$b");
});
