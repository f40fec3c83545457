/** Reports in a real Chromium: what is hostile in a run stays text, nothing is loaded, tables need no script, large runs are drawn. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reportPage } from "../../src/picture/html/report.ts";
import type { PicturedStep, RunPicture } from "../../src/picture/model.ts";
import { Chromium, chromiumPath } from "../ui/chromium.ts";

const hostile = `"><img src=x onerror=alert(1)><script>alert(2)</script><svg onload=alert(3)>'\`</style></title>--><!--\u202e`;
let folder = "";
let browser: Chromium | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "akc-pages-"));
  if (chromiumPath() === undefined) console.warn("SKIPPED: no Chromium here");
  else browser = await Chromium.start();
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true, force: true });
});

const atMs = 1_700_000_000_000;

function step(number: number, layer: number, more: Partial<PicturedStep> = {}): PicturedStep {
  const name = `step-${number}`;
  const attempts = [
    { number: 1, startedAtMs: atMs + number, endedAtMs: atMs + number + 40, end: "failed", message: "busy" },
    { number: 2, startedAtMs: atMs + number + 90, endedAtMs: atMs + number + 120, end: "succeeded" },
  ] as const;
  return { actionId: name, name, label: name, layer, phase: "succeeded", attempts, ...more };
}

function picture(steps: readonly PicturedStep[], more: Partial<RunPicture> = {}): RunPicture {
  const edges = steps.slice(16).map((_, at) => ({ from: at, to: at + 16, kinds: ["depends_on"] }));
  return {
    run: {
      runtimeRunId: "run-1",
      tenantId: "acme",
      repoId: "shop",
      runId: "release",
      mode: "enforce",
      adapterId: "local_depth",
      bundlePath: "/b.json",
      bundleSha256: "ab".repeat(32),
      standing: "succeeded",
      startedAtMs: atMs,
      finishedAtMs: atMs + 20_000,
    },
    asOfMs: atMs + 20_000,
    lastSeq: 9,
    steps,
    edges,
    criticalPath: [0],
    decisions: [],
    decisionCount: 0,
    rollouts: [],
    evidence: [],
    ...more,
  };
}

function written(name: string, of: RunPicture): string {
  const path = join(folder, name);
  writeFileSync(path, reportPage(of, "akc"));
  return `file://${path}`;
}

const attack: Partial<RunPicture> = {
  run: { ...picture([]).run, runId: hostile, repoId: hostile, bundlePath: hostile, lastError: hostile },
  decisions: [{ seq: 1, atMs, action: hostile, allowed: false, reason: hostile, rule: hostile, step: 0 }],
  decisionCount: 1,
  rollouts: [
    {
      rolloutId: hostile,
      phase: hostile,
      strategy: hostile,
      reason: hostile,
      startedAtMs: atMs,
      updatedAtMs: atMs,
      units: [{ resourceId: hostile, phase: hostile, reason: hostile }],
    },
  ],
  validity: {
    verdict: hostile,
    criteria: [{ id: hostile, verdict: hostile, reason: hostile, measured: hostile }],
  },
  verification: { isWhole: false, events: 9, headSha256: hostile, findings: [hostile], checkedAtMs: atMs },
  evidence: [{ name: hostile, sha256: hostile, sizeBytes: 1 }],
};

const evil: Partial<PicturedStep> = {
  name: hostile,
  label: hostile,
  role: hostile,
  route: hostile,
  phase: "failed",
  reason: hostile,
  code: hostile,
  outputs: [{ key: hostile, text: hostile, isCut: true }],
  outputSha256: hostile,
};

test.each([
  ["small", 3],
  ["large", 400],
])("nothing of a hostile run is more than text in a %s page", async (name, count) => {
  if (browser === undefined) return;
  const steps = Array.from({ length: count }, (_, number) =>
    step(number, Math.floor(number / 16), number < 3 ? evil : {}),
  );
  const url = written(`${name}.html`, picture(steps, attack));
  const tab = await browser.tab();
  await tab.open(url);
  await tab.until("document.querySelector('th button') !== null");
  expect(tab.dialogues).toBe(0);
  expect(tab.complaints).toEqual([]);
  expect(await tab.number("document.images.length")).toBe(0);
  expect(
    await tab.number(
      "[...document.querySelectorAll('*')].filter((one) => [...one.attributes].some(({ name }) => name.startsWith('on'))).length",
    ),
  ).toBe(0);
  expect(await tab.number("document.scripts.length")).toBe(count > 240 ? 2 : 1);
  expect(await tab.text("document.querySelector('#step-0 th').textContent")).toContain(
    "<script>alert(2)</script>",
  );
  expect(await tab.number("performance.getEntriesByType('resource').length")).toBe(0);
});

test("a small report is whole without script: graph, time line and tables", async () => {
  if (browser === undefined) return;
  const steps = [
    step(0, 0),
    step(1, 1, { phase: "denied", attempts: [], reason: "not allowed", code: "allowlist" }),
  ];
  const url = written("plain.html", picture(steps, { edges: [{ from: 0, to: 1, kinds: ["handoff"] }] }));
  const tab = await browser.tab({ script: false, width: 400, scheme: "dark" });
  await tab.open(url);
  const shown = await tab.shown();
  expect(shown.match(/class="step /g)?.length).toBe(2);
  expect(shown.match(/class="edge/g)?.length).toBe(1);
  expect(shown.match(/class="bar b-work/g)?.length).toBe(2);
  for (const id of ["steps-table", "retries-table"]) expect(shown).toContain(`id="${id}"`);
  expect(tab.complaints).toEqual([]);
});

test("no page is wider than a narrow window", async () => {
  if (browser === undefined) return;
  const steps = Array.from({ length: 40 }, (_, number) =>
    step(number, Math.floor(number / 8), { label: "x".repeat(200) }),
  );
  const url = written("narrow.html", picture(steps));
  const tab = await browser.tab({ width: 400 });
  await tab.open(url);
  expect(await tab.number("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
});

test.each([20, 700])(
  "tables of %d rows sort and filter, and headings are buttons that say how",
  async (count) => {
    if (browser === undefined) return;
    const steps = Array.from({ length: count }, (_, number) =>
      step(number, number % 4, { label: `label-${number}-end` }),
    );
    const tab = await browser.tab();
    await tab.open(written(`tables-${count}.html`, picture(steps, { edges: [] })));
    const names =
      "[...document.querySelectorAll('#steps-table tbody tr:not([hidden])')].map((row) => row.id).join()";
    const layer =
      "[...document.querySelectorAll('#steps-table thead button')].find((one) => one.textContent === 'Layer')";
    await tab.value(`${layer}.click()`, (found) => found === undefined);
    const layers = await tab.text(
      "[...document.querySelectorAll('#steps-table tbody tr')].map((row) => row.cells[2].textContent).join('')",
    );
    expect(layers).toBe([...layers].toSorted().join(""));
    expect(await tab.text(`${layer}.closest('th').getAttribute('aria-sort')`)).toBe("ascending");
    await tab.value("document.querySelector('#steps .filter input').focus()", (found) => found === undefined);
    await tab.type("label-13-end");
    await tab.until(`${names} === 'step-13'`);
    // The end of one cell and the beginning of the next make no word.
    await tab.value(
      "document.querySelector('#steps .filter input').select()",
      (found) => found === undefined,
    );
    await tab.type("succeeded1");
    await tab.until(`${names} === ''`);
  },
);
