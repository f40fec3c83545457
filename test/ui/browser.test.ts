/**
 * The live page in a real headless Chromium: what a person sees, with and without scripts, with the keyboard alone, while runs go on.
 * Skipped, and said so, where there is no Chromium; nothing is installed.
 */
import { describe, expect, test } from "bun:test";
import { bundle, sh } from "../e2e/bundle.ts";
import { inWorld, until } from "../e2e/world.ts";
import type { Tab } from "./chromium.ts";
import { createLook, hasChromium, isLive } from "./looking.ts";
import { waiting } from "./waiting.ts";

const looking = createLook();

describe.skipIf(!hasChromium)("in a browser", () => {
  test("it opens with the link, in that browser alone", async () => {
    await inWorld(async (world) => {
      await looking(world, [], async (ui, tab, browser) => {
        expect(await tab.text("document.querySelector('h1').textContent")).toBe("Runs");
        expect(await tab.text("document.cookie")).toBe("");
        expect(await tab.text("location.search")).toBe("");
        const stranger = await browser.tab();
        await stranger.open(ui.origin + ui.base);
        expect(stranger.statuses).toEqual([401]);
        await stranger.open(ui.link);
        expect(stranger.statuses).toEqual([401, 401]);
        expect(await stranger.text("document.body.innerText")).not.toContain(world.root);
        await stranger.open(await ui.nextLink());
        expect(await stranger.text("document.querySelector('h1').textContent")).toBe("Runs");
        await stranger.open("about:blank");
      });
    });
  });

  test("a run that is started appears, and its steps change, without loading the page again", async () => {
    await inWorld(async (world) => {
      await looking(world, [], async (ui, tab) => {
        await tab.until(isLive);
        await tab.text("window.mark = 'same page'");
        const run = bundle()
          .step("first", sh("true"))
          .step("second", { route: "wait", wait: { signal: "go" } }, "first")
          .step("third", sh("true"), "second");
        const live = await world.begin(run, "--runtime-run-id", "r1");
        await tab.until("document.querySelector('tbody a')?.textContent === 'r1'");
        await tab.until("document.querySelector('tbody .badge').textContent.includes('waiting')");
        expect(await tab.text("window.mark")).toBe("same page");
        await tab.leave(() => tab.isTrue("document.querySelector('tbody a').click()"));
        await tab.until(isLive);
        await tab.text("window.mark = 'same page'");
        await tab.until("document.querySelector('.graph .step.p-suspended')?.textContent.includes('second')");
        expect(
          await tab.isTrue("document.querySelector('.graph .step.p-waiting').textContent.includes('third')"),
        ).toBe(true);
        await world.akc(["runtime", "signal", "r1", "--name", "go", "--outputs-root", world.root]);
        await tab.until("document.querySelectorAll('.graph .step.p-succeeded').length === 3");
        await tab.until("document.querySelector('.standing .badge').textContent.includes('succeeded')");
        expect(await tab.text("window.mark")).toBe("same page");
        expect((await live.ended).code).toBe(0);
        await tab.leave(() =>
          tab.isTrue(
            "[...document.querySelectorAll('.views a')].find((one) => one.textContent === 'Steps').click()",
          ),
        );
        expect(
          await tab.text("[...document.querySelectorAll('tbody th')].map((one) => one.textContent).join()"),
        ).toBe("first,second,third");
        expect(ui.words()).not.toContain("Error");
      });
    });
  });

  test("an approval is given by the keyboard, and the run goes on", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world);
      await looking(world, ["--allow-control"], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
        await tab.until(isLive);
        await tabTo(tab, "document.activeElement.name === 'reason'");
        await tab.type("looked at it");
        // What is typed stays where it is while the page changes around it.
        const parts =
          "[...document.querySelectorAll('[data-part]')].map(({ dataset }) => dataset.sum).join()";
        await tab.until(`${parts} !== ${JSON.stringify(await tab.text(parts))}`);
        expect(await tab.text("document.activeElement.value")).toBe("looked at it");
        await tabTo(tab, "document.activeElement.value === 'approve'");
        await tab.leave(() => tab.press("Enter"));
        await tab.until("document.querySelector('.standing .badge').textContent.includes('succeeded')");
        expect(tab.statuses.at(-1)).toBe(200);
        await live.ended;
        const received = world.events("r1").find(({ type }) => type === "runtime.signal.received");
        expect(received?.payload).toMatchObject({ name: "go-live" });
        await until("the word is told", () => ui.words().includes("approve go-live of run r1"));
      });
    });
  });

  test("read-only it offers no word, only the command", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world);
      await looking(world, [], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
        expect(await tab.number("document.querySelectorAll('form[method=post]').length")).toBe(0);
        expect(await tab.text("document.body.innerText")).toContain(
          "akc runtime signal r1 --name go-live --approve",
        );
        const refused = `fetch("say/answer", { method: "POST", body: "" }).then(({ status }) => status)`;
        expect(await tab.number(refused)).toBe(405);
      });
      live.kill("SIGTERM");
      await live.ended;
    });
  });

  test("without scripts every table is there, and an approval can be given", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world);
      await looking(
        world,
        ["--allow-control"],
        async (ui, tab) => {
          expect(await tab.shown()).toContain(">r1</a>");
          for (const [path, words] of [
            ["runs/acme/shop/r1", 'class="step p-suspended'],
            ["runs/acme/shop/r1/steps", ">approve</a>"],
            ["runs/acme/shop/r1/events", "wait started"],
            ["runs/acme/shop/r1/decisions", "<caption"],
            ["leases", ">r1</a>"],
          ] as const) {
            await tab.open(`${ui.origin}${ui.base}${path}`);
            expect(await tab.shown()).toContain(words);
          }
          await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
          expect(await tab.text("document.querySelector('#pulse').textContent")).toBe("as of now");
          await tabTo(tab, "document.activeElement.name === 'reason'");
          await tab.type("looked at it");
          await tab.leave(() => tab.press("Enter"));
          await live.ended;
          expect(await world.standing("r1")).toBe("succeeded");
        },
        { script: false },
      );
    });
  });

  test("every link, field and button is reached by Tab, and shows that it is", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world);
      await looking(world, ["--allow-control"], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
        const wanted = await tab.number(
          "document.querySelectorAll('a[href], button, input:not([type=hidden]), [tabindex=\"0\"]').length",
        );
        expect(wanted).toBeGreaterThan(15);
        await tab.isTrue("window.reached = new Set()");
        let unseen = 0;
        for (let presses = 0; presses < wanted + 5; presses += 1) {
          await tab.press("Tab");
          await tab.isTrue(
            "document.activeElement !== document.body && window.reached.add(document.activeElement)",
          );
          const shows = await tab.isTrue(
            "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement.matches('.step')",
          );
          if (!shows) unseen += 1;
        }
        expect(await tab.number("window.reached.size")).toBe(wanted);
        expect(unseen).toBe(0);
        expect(await tab.number("document.querySelectorAll('main, h1').length")).toBe(2);
        expect(
          await tab.number(
            "[...document.querySelectorAll('input:not([type=hidden])')].filter((one) => one.labels.length === 0).length",
          ),
        ).toBe(0);
      });
      live.kill("SIGTERM");
      await live.ended;
    });
  });

  test("names, reasons and outputs that would like to be markup are text", async () => {
    await inWorld(async (world) => {
      const hostile = `<img src=x onerror=alert(1)><script>alert(2)</script>"'\`</title>`;
      const words = hostile.replaceAll("'", "");
      const run = bundle().step("step", sh(`printf '%s' '${words}'; printf '%s' '${words}' >&2`));
      await world.start(run, "--runtime-run-id", "r1");
      await looking(world, [], async (ui, tab) => {
        const run1 = `${ui.origin}${ui.base}runs/acme/shop/r1`;
        const query = encodeURIComponent(hostile);
        for (const path of [
          "",
          "/steps",
          "/events",
          "/decisions",
          "/evidence",
          `/steps?q=${query}`,
          `/step?id=${query}`,
        ]) {
          await tab.open(run1 + path);
          expect(
            await tab.number(
              "document.querySelectorAll('img, main script:not([type=\"application/json\"])').length",
            ),
          ).toBe(0);
        }
        await tab.open(`${ui.origin}${ui.base}?q=${query}`);
        expect(await tab.text("document.querySelector('[name=q]').value")).toBe(hostile.toLowerCase());
        await tab.open(`${run1}/step?at=0`);
        expect(await tab.text("document.body.innerText")).toContain("onerror=alert(1)");
      });
    });
  });

  test("a page of another origin can read nothing and say nothing", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world);
      await looking(world, ["--allow-control"], async (ui, tab) => {
        await tab.open(`${ui.origin}${ui.base}runs/acme/shop/r1`);
        const word = await tab.text("document.querySelector('[name=word_of_form]').value");
        const target = `${ui.origin}${ui.base}`;
        const other = Bun.serve({
          hostname: "127.0.0.1",
          port: 0,
          fetch: () =>
            new Response(
              `<form method="post" action="${target}say/answer">${Object.entries({
                tenant: "acme",
                repo: "shop",
                run: "r1",
                signal: "go-live",
                id: "x",
                answer: "approve",
                reason: "y",
                word_of_form: word,
              })
                .map(([name, value]) => `<input name="${name}" value="${value}">`)
                .join("")}<button>Send</button></form><iframe src="${target}"></iframe>`,
              { headers: { "content-type": "text/html" } },
            ),
        });
        try {
          await tab.open(`http://127.0.0.1:${other.port}/`);
          const read = `fetch(${JSON.stringify(target)}, { credentials: "include" }).then(() => "read", () => "refused")`;
          expect(await tab.text(read)).toBe("refused");
          expect(await tab.isTrue("frames[0].length === 0")).toBe(true);
          await tab.leave(() => tab.isTrue("document.querySelector('button').click()"));
          expect(tab.statuses.at(-1)).toBe(403);
          expect(await world.standing("r1")).toBe("waiting");
        } finally {
          await other.stop(true);
          // The frame and the read were refused, which the console says.
          tab.complaints.length = 0;
        }
      });
      live.kill("SIGTERM");
      await live.ended;
    });
  });
});

/** Goes on by the keyboard alone until the expression holds. */
async function tabTo(tab: Tab, expression: string): Promise<void> {
  for (let presses = 0; presses < 80; presses += 1) {
    if (await tab.isTrue(expression)) return;
    await tab.press("Tab");
  }
  throw new Error(`Tab does not lead to: ${expression}`);
}
