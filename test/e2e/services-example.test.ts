/** The example of services is what operators copy: its README works as it stands, line by line, and leaves nothing running. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { binary, root, shell } from "./akc.ts";

const folder = await mkdtemp(join(tmpdir(), "akc-services-"));
const readme = await Bun.file(join(root, "examples/services/README.md")).text();
const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(readme) ?? [];
const lines = block.split("\n").filter((line) => line !== "");

beforeAll(() => cp(join(root, "examples/services"), folder, { recursive: true }));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("every line does what is said beside it", async () => {
  const script = lines.map((line) => `${line}\necho "exit $?"`).join("\n");
  const { stdout } = await shell(`export PATH=${dirname(binary)}:$PATH\n${script}`, { cwd: folder });
  const told = stdout.split(/^(exit \d+)\n/m);
  const said = new Map(lines.map((line, index) => [line.split("   ")[0], told[2 * index]]));
  const exits = told.filter((part) => part.startsWith("exit "));
  // The last rollout was brought back, and its status says so.
  expect(exits).toEqual(lines.map((line) => (line.startsWith("akc rollout status") ? "exit 1" : "exit 0")));
  expect(outcomesIn(said.get("akc runtime reconcile v1 --dry-run"))).toEqual(["converged", "converged"]);
  const missing = said.get("akc runtime reconcile v1 --dry-run --diff");
  expect(missing).toContain("~ greeter update (changed by somebody else)\n    /replicas  2 → 3\n");
  expect(outcomesIn(said.get("akc runtime reconcile v1 --apply"))).toEqual(["converged", "converged"]);
  expect(said.get("akc rollout status")).toMatch(/phase +rolled_back: healthy_deadline_exceeded/);
  expect(outcomesIn(said.get("akc runtime reconcile v2 --dry-run"))).toEqual(["converged", "converged"]);
  const services = join(folder, "out/examples/services/.akc/services");
  for (const service of ["clock", "greeter"]) {
    const left = await readdir(join(services, service));
    expect(left.filter((name) => name.endsWith(".json"))).toEqual([]);
  }
}, 120_000);

function outcomesIn(text = ""): readonly string[] {
  return [...text.matchAll(/"outcome":"(\w+)"/g)].map(([, outcome]) => outcome ?? "");
}
