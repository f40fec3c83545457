/** The example of validation is what operators copy: its README works as it stands, line by line, from the binary. */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PrometheusHost } from "../env/prometheus.ts";
import { binary, root, shell } from "./akc.ts";

setDefaultTimeout(120_000);

const readme = await Bun.file(join(root, "examples/validation/README.md")).text();
const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

/** Another port than the one that it names: that one may be somebody's. */
async function copied(ports: Readonly<Record<string, number>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "akc-validation-"));
  folders.push(folder);
  await cp(join(root, "examples/validation"), join(folder, "validation"), { recursive: true });
  await cp(join(root, "examples/plugins"), join(folder, "plugins"), { recursive: true });
  const place = join(folder, "validation");
  for (const name of ["shop.ts", "shop.bindings.yaml", "prometheus.bindings.yaml"]) {
    let text = await Bun.file(join(place, name)).text();
    for (const [from, to] of Object.entries(ports)) text = text.replaceAll(from, String(to));
    await Bun.write(join(place, name), text);
  }
  return place;
}

function block(heading: string): readonly string[] {
  const [, text = ""] =
    new RegExp(`^## ${heading}$[\\s\\S]*?\`\`\`sh\\n([\\s\\S]*?)\`\`\``, "m").exec(readme) ?? [];
  return text.split("\n").filter((line) => line !== "");
}

/** What each line printed, and how it ended. */
async function told(lines: readonly string[], cwd: string) {
  const marked = lines.map((line) => `${line}\necho "exit $?"\n`).join("");
  const { stdout } = await shell(`export PATH=${dirname(binary)}:$PATH\n${marked}`, { cwd });
  const parts = stdout.split(/^exit (\d+)\n/m);
  return lines.map((line, index) => ({
    line,
    printed: parts[2 * index] ?? "",
    exit: Number(parts[2 * index + 1]),
  }));
}

function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const { port = 0 } = server;
  server.stop(true);
  return port;
}

test("with akc alone: a run that passes, one that does not, one that cannot be told, one that nobody answers", async () => {
  const port = freePort();
  const folder = await copied({ 8765: port });
  const lines = block("With akc alone");
  const serving = lines.findIndex((line) => line.endsWith("any server would do"));
  const patient = lines.with(
    serving,
    `${lines[serving]?.replace(/ #.*/, "")}\nfor n in $(seq 100); do (: < /dev/tcp/127.0.0.1/${port}) 2>/dev/null && break; sleep 0.1; done`,
  );
  const ended = await told(patient, folder);
  // Where something else is to be expected than 0, the line says so.
  const expected = lines.map((line) => Number(/# exit (\d)/.exec(line)?.[1] ?? 0));
  const status = lines.indexOf("akc runtime status alone");
  expect(ended.map(({ exit }) => exit)).toEqual(expected);
  expect(lines.length).toBeGreaterThan(12);
  const verdicts = ended.flatMap(({ line, printed }) =>
    line.startsWith("start -") ? [/^validity: (\w+)$/m.exec(printed)?.[1]] : [],
  );
  expect(verdicts).toEqual(["pass", "fail", "inconclusive", "error"]);
  const printedBy = (start: string) => ended.find(({ line }) => line.startsWith(start))?.printed ?? "";
  expect(printedBy("akc validate bindings")).toContain("bindings  3");
  expect(printedBy("akc validate replay slow")).toContain("3 verdicts: 3 the same");
  expect(ended[status]?.printed).toContain("last_error: operational criteria not met: database-up (error)");
});

test("every other registry beside it is whole", async () => {
  const folder = await copied({});
  const ended = await told(block("Every kind"), folder);
  expect(ended.map(({ exit }) => exit)).toEqual([0, 0]);
});

const scraped = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("here 1\n") });
const found = await PrometheusHost.up(scraped.port ?? 0);
afterAll(async () => {
  await found?.down();
  await scraped.stop(true);
});

test.skipIf(found === undefined)("with Prometheus: judged, kept, and judged again without it", async () => {
  const folder = await copied({ 9090: Number(new URL(found?.url ?? "").port) });
  const lines = block("With Prometheus");
  let ended = await told(lines, folder);
  for (const deadline = Date.now() + 60_000; ended[0]?.exit !== 0 && Date.now() < deadline; ) {
    await Bun.sleep(1_000);
    ended = await told(lines, folder);
  }
  expect(ended.map(({ line, exit }) => [line, exit])).toEqual(lines.map((line) => [line, 0]));
  const [asked] = ended;
  expect(asked?.printed).toMatch(/^prometheus\.nothing +promql_query +inconclusive \(dry run\) +no-data/m);
  expect(ended.at(-1)?.printed).toContain("4 verdicts: 4 the same");
});
