import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { acquireDocker } from "../env/docker.ts";
import { conformance, copyOf, denoProgram, examples, faults } from "./conforming.ts";

test("the validator in one file of Python conforms, and nothing of it is skipped", async () => {
  const result = await conformance(join(examples, "disk-space"));
  expect(faults(result)).toEqual([]);
  expect(result.rows.filter(({ verdict }) => verdict === "skip")).toEqual([]);
}, 60_000);

test("the provider in sh conforms, is shorter than 60 lines, and keeps text that a shell could trip over", async () => {
  const result = await conformance(join(examples, "files"));
  expect(faults(result)).toEqual([]);
  expect(result.rows.some(({ check }) => check.includes("trip over"))).toBe(true);
  expect(readFileSync(join(examples, "files/files.sh"), "utf8").split("\n").length).toBeLessThan(60);
}, 60_000);

const engine = await acquireDocker();
afterAll(() => engine?.release());

for (const runtime of ["bun", "deno"]) {
  const socket = engine?.env["DOCKER_HOST"]?.replace("unix://", "");
  const possible = socket !== undefined && (runtime === "bun" || denoProgram() !== undefined);
  test.skipIf(!possible)(
    `the container adapter conforms on ${runtime} with a real engine, and leaves no container running`,
    async () => {
      const copy = copyOf(join(examples, "container"), {
        "plugin.yaml": (text) =>
          text
            .replace("/run/docker.sock, /run/podman/podman.sock", socket ?? "")
            .replace("runtime: bun", `runtime: ${runtime}`),
      });
      try {
        const before = running();
        const result = await conformance(copy.folder, { DOCKER_HOST: `unix://${socket}` });
        expect(faults(result)).toEqual([]);
        expect(result.rows.filter(({ verdict }) => verdict === "skip")).toEqual([]);
        expect(running()).toEqual(before);
      } finally {
        copy.remove();
      }
    },
    180_000,
  );
}

function running(): readonly string[] {
  const asked = Bun.spawnSync(["docker", "ps", "--quiet", "--filter", "label=akc.example.container"], {
    env: { ...engine?.env },
  });
  return asked.stdout.toString().split("\n").sort();
}
