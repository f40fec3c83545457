/** The example of the autopilot is what operators copy: its README works as it stands, line by line, and leaves nothing running. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { binary, root, shell } from "./akc.ts";

const place = await mkdtemp(join(tmpdir(), "akc-autopilot-"));
const folder = join(place, "autopilot");
const readme = await Bun.file(join(root, "examples/autopilot/README.md")).text();
const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(readme) ?? [];
const lines = block.split("\n").filter((line) => line !== "");

beforeAll(async () => {
  for (const name of ["autopilot", "services"]) {
    await cp(join(root, "examples", name), join(place, name), { recursive: true });
  }
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** Whatever becomes of it, nothing of it goes on. */
const cleanUp = `trap 'kill -9 "$controller" 2>/dev/null; for f in out/examples/services/.akc/services/*/*.json; do
  pid=$(sed -n "s/.*\\"pid\\": *\\([0-9]*\\).*/\\1/p" "$f" 2>/dev/null); [ -n "$pid" ] && kill -9 "$pid"; done; true' EXIT`;

test("every line does what is said beside it", async () => {
  const script = lines.map((line) => `${line}\necho "exit $?"`).join("\n");
  const bounded = `export PATH=${dirname(binary)}:$PATH\n${cleanUp}\n${script}`;
  const { stdout } = await shell(bounded, { cwd: folder });
  const told = stdout.split(/^exit (\d+)\n/m);
  const said = (start: string) => told[2 * lines.findIndex((line) => line.startsWith(start))] ?? "";
  const exits = lines.map((line, index) => `${told[2 * index + 1]} ${line}`);
  expect(exits).toEqual(lines.map((line) => `0 ${line}`));
  expect(said("akc runtime autopilot --check")).toContain("valid ");
  expect(said("akc runtime autopilot --mode observe")).toContain("all stands as it should");
  expect(said("until akc autopilot triggers")).toMatch(/drift .* repair/);
  expect(said("akc autopilot status | sed")).toContain('"/env/VERSION"');
  expect(said("until akc autopilot scoreboard")).toContain('"rollouts_kept_total": 1');
  expect(said('until akc autopilot status | grep "autopilot ack"')).toContain("akc autopilot ack --scope");
  expect(said("akc autopilot ack")).toContain("acknowledged");
  expect(existsSync(join(folder, "score.svg"))).toBe(true);
  const services = join(folder, "out/examples/services/.akc/services");
  for (const service of ["clock", "greeter"]) {
    const left = await readdir(join(services, service));
    expect(left.filter((name) => name.endsWith(".json"))).toEqual([]);
  }
}, 120_000);
