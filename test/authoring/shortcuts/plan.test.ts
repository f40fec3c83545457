/** What would happen and what would be denied, on the example and on what people get wrong. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { akc, onTerminal, root, shell } from "../../e2e/akc.ts";

let cwd = "";
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "akc-plan-"));
  for (const name of ["akc.yaml", "operator.yaml", "tidings.txt", "README.md"])
    await cp(join(root, "examples/plan", name), join(cwd, name));
  await Bun.write(
    join(cwd, "wrong.yaml"),
    "version: 1\nscope: acme/shop\nname: x\nsteps:\n  one:\n    rn: [sh]\n  two: {run: [git, status], needs: [zero]}\n",
  );
});
afterAll(() => rm(cwd, { recursive: true, force: true }));

const denied = ["plan", "--policy", "operator.yaml"];

test("the example: all is let, and one step is denied where the operator permits less", async () => {
  expect(await akc(["plan"], { cwd })).toMatchObject({ exit: 0, stderr: "" });
  const { exit, stdout } = await akc([...denied, "-o", "json"], { cwd });
  expect(exit).toBe(1);
  const preview = JSON.parse(stdout);
  expect(preview).toMatchObject({ kind: "PlanPreview", allowed: false, denied: 1, unreached: 0 });
  const refused = preview.steps.filter(({ allowed }: { allowed: boolean }) => !allowed);
  expect(refused).toMatchObject([
    { step_id: "machine", code: "SUBPROCESS_NOT_ALLOWED", rule: "operator:/subprocess", line: 35 },
  ]);
  expect(refused[0].fix).toContain("operator.yaml");
});

test("every command of the example's page ends as the page says", async () => {
  const page = await Bun.file(join(cwd, "README.md")).text();
  const commands = [...page.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  );
  const env = { PATH: `${join(root, "dist")}:/usr/bin:/bin` };
  const exits: [string, number][] = [];
  for (const line of commands) exits.push([line, (await shell(line, { cwd, env })).exit]);
  expect(exits).toEqual([
    ["akc plan", 0],
    ["akc plan --policy operator.yaml", 1],
    ["akc run --policy operator.yaml --runtime-run-id tidings-1", 2],
    ["akc runtime status tidings-1", 0],
    ["akc bundle explain", 0],
    ["akc bundle explain --step sum-up", 0],
    ["akc bundle fmt --check akc.yaml", 0],
  ]);
});

test("what is foreseen is what a run does: the same step is denied, the others are done", async () => {
  const run = await akc(
    ["run", "--policy", "operator.yaml", "--runtime-run-id", "as-foreseen", "-q", "-o", "json"],
    { cwd },
  );
  expect(run.exit).toBe(2);
  expect(JSON.parse(run.stdout)).toMatchObject({
    outcome: "blocked",
    counts: { total: 5, succeeded: 4, denied: 1, blocked: 0 },
  });
});

test("what needs a denied step is shown as not reached", async () => {
  const text = await Bun.file(join(cwd, "akc.yaml")).text();
  await Bun.write(join(cwd, "chain.yaml"), text.replace("[count, sign]", "[count, sign, machine]"));
  const { exit, stdout } = await akc([...denied, "chain.yaml"], { cwd });
  expect(exit).toBe(1);
  expect(stdout).toMatch(/ {2}· sum-up +worker {2}not reached: needs machine\n/);
  expect(stdout).toEndWith("5 steps: 3 would run, 1 would be denied, 1 would not be reached\n");
});

test("a program that is not on this host is foreseen too", async () => {
  const text = await Bun.file(join(cwd, "akc.yaml")).text();
  await Bun.write(join(cwd, "missing.yaml"), text.replaceAll("uname", "no-such-program-anywhere"));
  const { exit, stdout } = await akc(["plan", "missing.yaml"], { cwd });
  expect(exit).toBe(1);
  expect(stdout).toContain("[SUBPROCESS_NOT_FOUND]");
});

test("services wait for the gate of their provider, and a plan says which", async () => {
  await akc(["init", "s", "--template", "services"], { cwd });
  const closed = await akc(["plan", "s/akc.yaml", "-o", "json"], { cwd });
  expect(closed.exit).toBe(1);
  expect(JSON.parse(closed.stdout).services).toMatchObject({
    provider: "process",
    allowed: false,
    code: "PROVIDER_GATED",
    items: [
      { node_id: "clock", needs: [] },
      { node_id: "greeter", needs: ["clock"] },
    ],
  });
  const env = { AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };
  expect((await akc(["plan", "s/akc.yaml"], { cwd, env })).exit).toBe(0);
});

test("a wrong plan is told as a compiler tells it, all faults at once, and nothing is started or written", async () => {
  for (const word of ["plan", "run"]) {
    const { exit, stdout, stderr } = await akc([word, "wrong.yaml"], { cwd });
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: "" });
    expect(stderr).toContain(
      "wrong.yaml:6:5: unknown key `rn`; did you mean `run`? [key-unknown]\n   6 |     rn: [sh]\n     |     ^^\n",
    );
    expect(stderr).toMatch(/wrong\.yaml:7:\d+: .*\[program-not-listed\]/);
    expect(stderr).toMatch(/wrong\.yaml:7:\d+: .*\[step-unknown\]/);
    expect(stderr).toContain("[PLAN_INVALID]");
  }
  const json = await akc(["run", "wrong.yaml", "-o", "json"], { cwd });
  expect(JSON.parse(json.stdout).issues).toContainEqual(
    expect.objectContaining({ rule: "key-unknown", line: 6, column: 5, path: "/steps/one/rn" }),
  );
  expect((await shell("ls -d .akc/runtime/x-* 2>/dev/null | wc -l", { cwd })).stdout.trim()).toBe("0");
});

test("files that are no plan are refused with words of their own", async () => {
  await Bun.write(join(cwd, "empty.yaml"), "");
  await Bun.write(join(cwd, "cut.json"), '{"schema_version": 4');
  await Bun.write(join(cwd, "bytes.yaml"), new Uint8Array([0xff, 0xfe]));
  const codes = async (...args: string[]) => {
    const { exit, stdout } = await akc([...args, "-o", "json"], { cwd });
    return [exit, JSON.parse(stdout).code];
  };
  expect(await codes("plan", "empty.yaml")).toEqual([2, "PLAN_INVALID"]);
  expect(await codes("plan", "cut.json")).toEqual([2, "JSON_SYNTAX"]);
  expect(await codes("plan", "bytes.yaml")).toEqual([2, "JSON_NOT_UTF8"]);
  expect(await codes("plan", "gone.yaml")).toEqual([2, "FILE_NOT_FOUND"]);
  expect(await codes("run", "-")).toEqual([2, "USAGE"]);
  expect(await codes("bundle", "explain", "--rule", "nonsense")).toEqual([2, "USAGE"]);
  expect(await codes("bundle", "explain", "--step", "nonsense")).toEqual([2, "STEP_UNKNOWN"]);
});

test("it fits a narrow terminal, and has colours only there and only when they are wanted", async () => {
  const control = String.fromCharCode(27);
  const narrow = await onTerminal(denied, { cwd, columns: 40 });
  expect(narrow.exit).toBe(1);
  expect(narrow.screen).toContain(`${control}[31m`);
  const plain = await onTerminal(denied, { cwd, columns: 40, env: { NO_COLOR: "1" } });
  expect(plain.screen).not.toContain(control);
  const wide = plain.screen.split(/\r?\n/).filter((line) => Bun.stringWidth(line) > 40);
  // A word that is longer than the room is never cut: it may be a path to copy.
  expect(wide.filter((line) => line.trim().includes(" "))).toEqual([]);
  expect((await akc(denied, { cwd })).stdout).not.toContain(control);
  const explained = await onTerminal(["bundle", "explain"], { cwd, columns: 40, env: { NO_COLOR: "1" } });
  expect(explained.screen).not.toContain(control);
});

test("a reader that goes away is no failure", async () => {
  const { stdout } = await shell('set -o pipefail; "$AKC" plan | head -1; echo $?', { cwd });
  expect(stdout).toMatch(/^tidings {2}examples\/plan .*\n0\n$/);
});
