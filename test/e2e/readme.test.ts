/** The README is what people try first: what it says works as it stands. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Group, tree } from "../../src/cli/tree.ts";
import { inFolder, root, shell } from "./akc.ts";

const readme = await Bun.file(join(root, "README.md")).text();

test("the tour runs line by line, and shows what it promises", async () => {
  const [, tour = ""] = /^## A tour[\s\S]*?```sh\n([\s\S]*?)```/m.exec(readme) ?? [];
  expect(tour.trimEnd().split("\n").length).toBe(5);
  const [, looking = ""] = /^## Leave it alone[\s\S]*?```sh\n([\s\S]*?)```/m.exec(readme) ?? [];
  const script = `set -e\n${tour}${looking}rm -r "$AKC_OUTPUTS_ROOT"`;
  const { exit, stdout } = await shell(script, { cwd: root });
  expect(exit).toBe(0);
  expect(stdout).toContain("\noutcome: succeeded\n");
  expect(stdout).toContain("\nstanding: succeeded\n");
  expect(stdout).toContain('"event_type": "runtime.kernel.loop_finished"');
  expect(stdout).toContain("nothing is deployed");
  expect(stdout).toContain("nothing was deployed yet");
});

test("a plan of one's own goes from an empty folder to a report", async () => {
  const [, block = ""] = /^## Your own plan[\s\S]*?```sh\n([\s\S]*?)```/m.exec(readme) ?? [];
  await inFolder(async (home) => {
    const { exit, stdout } = await shell(`set -e\n${block}`, { cwd: root, env: { HOME: home } });
    expect(exit).toBe(0);
    expect(stdout).toContain("5 steps: 5 would run\n");
    expect(stdout).toContain("\noutcome: succeeded\n");
    expect(stdout).toContain("✓ 5 succeeded");
    expect(await Bun.file(join(home, "first-plan/report.html")).text()).toContain("history verified");
  });
});

test("services are started, updated, brought back and kept, as it says", async () => {
  const [, tour = ""] = /^## A tour[\s\S]*?```sh\n([\s\S]*?)```/m.exec(readme) ?? [];
  const [, block = ""] = /^## Keep services[\s\S]*?```sh\n([\s\S]*?)```/m.exec(readme) ?? [];
  const lines = block.trimEnd().split("\n");
  const [sameShell] = tour.split("\n");
  const watching = lines.pop();
  const away = `akc rollout undo "$(akc rollout list | tail -1 | cut -d ' ' -f 1)"; rm -r "$AKC_OUTPUTS_ROOT"`;
  const { exit, stdout } = await shell(
    `set -e\n${sameShell}\naway() { ${away}; }\ntrap away EXIT\n${lines.join("\n")}
timeout --signal=INT --preserve-status 2 ${watching} || echo "watch ended with $?"`,
    { cwd: root },
  );
  expect({ exit, converged: [...stdout.matchAll(/^converged: (\w+)/gm)].map(([, word]) => word) }).toEqual({
    exit: 0,
    converged: ["true", "true", "false"],
  });
  expect(stdout).toMatch(
    /rolled_back: healthy_deadline_exceeded\n.*completed: healthy\n.*completed: healthy\n/,
  );
  expect([...stdout.matchAll(/"outcome":"(\w+)"/g)].map(([, word]) => word).slice(0, 2)).toEqual([
    "converged",
    "converged",
  ]);
  expect(stdout).toContain("watch ended with 130\n");
}, 120_000);

test("every command and every script that it names is there, and no command is left out", async () => {
  const { scripts } = await Bun.file(join(root, "package.json")).json();
  for (const [, script] of readme.matchAll(/npm run (\w+)/g)) expect(scripts).toHaveProperty(script ?? "");
  const named = [...readme.matchAll(/`akc ([a-z][a-z-]*(?: [a-z-]+)?)`/g)].map(([, words]) => words ?? "");
  expect(named.sort()).toEqual(leafPaths(tree, []).sort());
});

test("every link leads somewhere", () => {
  const links = [...readme.matchAll(/\]\(([^)\s]+)\)|^\[\w+\]: (\S+)$/gm)].map(
    ([, one, two]) => one ?? two ?? "",
  );
  expect(links.length).toBeGreaterThan(8);
  expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([]);
});

function leafPaths(group: Group, path: readonly string[]): string[] {
  return Object.entries(group.nodes).flatMap(([name, node]) =>
    node.kind === "leaf" ? [[...path, name].join(" ")] : leafPaths(node, [...path, name]),
  );
}
