/** Who is let in, and what is refused whoever asks: requests to the built binary as no browser would make them. */
import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { autopilotStatePath } from "../../src/autopilot/state/file.ts";
import { inFolder, shell } from "../e2e/akc.ts";
import { bundle, hurried, sh } from "../e2e/bundle.ts";
import { inWorld } from "../e2e/world.ts";
import { serveUi, serving } from "./served.ts";

test("nobody without the token sees anything, and a link opens once", async () => {
  await inFolder((root) =>
    serving(root, [], async (ui) => {
      for (const path of [
        "",
        "leases",
        "autopilot",
        "live?page=",
        "runs/acme/shop/r1",
        "open?token=",
        "open?token=x",
      ]) {
        const answer = await ui.get(path);
        expect([path, answer.status]).toEqual([path, 401]);
        expect(await answer.text()).not.toContain(root);
      }
      expect((await ui.get("/")).status).toBe(401);
      expect((await ui.get("/elsewhere/")).status).toBe(404);
      expect((await ui.get("", { cookie: "akc_ui=guessed" })).status).toBe(401);
      const opened = await ui.get(ui.link.slice(ui.origin.length));
      expect(opened.status).toBe(303);
      expect(opened.headers.get("location")).toBe(ui.base);
      const cookie = opened.headers.get("set-cookie") ?? "";
      expect(cookie).toMatch(/^akc_ui=[\w-]{43}; Path=\/[\w-]+\/; HttpOnly; SameSite=Strict$/);
      expect(new URL(ui.link).searchParams.get("token")).toMatch(/^[\w-]{43}$/);
      expect((await ui.get(ui.link.slice(ui.origin.length))).status).toBe(401);
      expect((await ui.get("", { cookie: cookie.split(";")[0] ?? "" })).status).toBe(200);
      const next = await ui.nextLink();
      expect(next).not.toBe(ui.link);
      expect((await ui.get(next.slice(ui.origin.length))).status).toBe(303);
    }),
  );
});

test("a link of another page that leads here opens without losing the strict cookie", async () => {
  await inFolder((root) =>
    serving(root, [], async (ui) => {
      const led = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
      };
      const answer = await ui.get(ui.link.slice(ui.origin.length), led);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("set-cookie")).toContain("SameSite=Strict");
      expect(await answer.text()).toContain(`<meta http-equiv="refresh" content="0; url=${ui.base}">`);
    }),
  );
});

test("another name for this host, another origin and another page are refused before anything is read", async () => {
  await inFolder((root) =>
    serving(root, ["--allow-control"], async (ui) => {
      const cookie = await ui.enter();
      const port = new URL(ui.origin).port;
      const refused = async (headers: Record<string, string>) =>
        (await ui.get("", { cookie, ...headers })).status;
      expect(await refused({ host: `evil.example:${port}` })).toBe(421);
      expect(await refused({ host: `127.0.0.1.evil.example:${port}` })).toBe(421);
      expect(await refused({ host: `10.0.0.1:${port}` })).toBe(421);
      expect(await refused({ host: `localhost:${port}` })).toBe(200);
      expect(await refused({ origin: "http://evil.example" })).toBe(403);
      expect(await refused({ origin: "null" })).toBe(403);
      expect(await refused({ origin: `http://127.0.0.1:${Number(port) + 1}` })).toBe(403);
      expect(
        await refused({
          "sec-fetch-site": "cross-site",
          "sec-fetch-mode": "no-cors",
          "sec-fetch-dest": "image",
        }),
      ).toBe(403);
      expect(
        await refused({ "sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty" }),
      ).toBe(403);
      expect(
        await refused({
          "sec-fetch-site": "cross-site",
          "sec-fetch-mode": "navigate",
          "sec-fetch-dest": "iframe",
        }),
      ).toBe(403);
    }),
  );
});

test("every answer forbids what no page of it needs", async () => {
  await inFolder((root) =>
    serving(root, [], async (ui) => {
      const cookie = await ui.enter();
      for (const path of ["", "leases", "nowhere", "runs/acme/shop/r1", "/", "/x"]) {
        const { headers } = await ui.get(path, { cookie });
        const policy = headers.get("content-security-policy") ?? "";
        expect(policy).toContain("default-src 'none'");
        expect(policy).toContain("frame-ancestors 'none'");
        expect(policy).not.toContain("unsafe");
        expect(headers.get("cache-control")).toBe("no-store");
        expect(headers.get("x-content-type-options")).toBe("nosniff");
        expect(headers.get("x-frame-options")).toBe("DENY");
      }
      const page = await (await ui.get("", { cookie })).text();
      expect(page).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/);
    }),
  );
});

test("paths lead nowhere else, and evidence is opened by its sealed name alone", async () => {
  await inWorld(async (world) => {
    await world.start(bundle().step("only", sh("true")), "--runtime-run-id", "r1");
    await serving(world.root, [], async (ui) => {
      const cookie = await ui.enter();
      const status = async (path: string) => (await ui.get(path, { cookie })).status;
      expect(await status("runs/acme/shop/r1/evidence")).toBe(200);
      expect(await status("runs/acme/shop/r1/file?name=events.json")).toBe(200);
      for (const name of [
        "../../../../etc/passwd",
        "/etc/passwd",
        "..%2f..%2fstate.sqlite3",
        "missing.json",
      ]) {
        expect([name, await status(`runs/acme/shop/r1/file?name=${name}`)]).toEqual([name, 404]);
      }
      expect(await status("runs/..%2f..%2fetc/shop/r1")).toBe(404);
      expect(await status("runs/acme/%00/r1")).toBe(404);
      expect(await status("runs/acme/%zz/r1")).toBe(400);
      expect(await status(`runs/acme/shop/r1?${"x".repeat(5_000)}`)).toBe(414);
      const file = await ui.get("runs/acme/shop/r1/file?name=events.json", { cookie });
      expect(file.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(file.headers.get("content-security-policy")).toContain("sandbox");
    });
  });
});

test("looking writes nothing, and every page answers", async () => {
  await inWorld(async (world) => {
    await world.start(
      bundle()
        .step("only", sh("true"))
        .step("bad", hurried(sh("exit 3")), "only"),
      "--runtime-run-id",
      "r1",
    );
    const database = join(world.scope, ".akc/runtime/state.sqlite3");
    const before = await Bun.file(database).bytes();
    await serving(world.root, ["--allow-control"], async (ui) => {
      const cookie = await ui.enter();
      for (const path of [
        "",
        "?standing=failed&q=r1",
        "rollouts",
        "leases",
        "autopilot",
        "runs/acme/shop/r1",
        "runs/acme/shop/r1/steps?phase=failed",
        "runs/acme/shop/r1/outputs",
        "runs/acme/shop/r1/events",
        "runs/acme/shop/r1/decisions?show=denied",
        "runs/acme/shop/r1/evidence",
        "runs/acme/shop/r1/verification",
      ]) {
        expect([path, (await ui.get(path, { cookie })).status]).toEqual([path, 200]);
      }
      const steps = await (await ui.get("runs/acme/shop/r1/steps", { cookie })).text();
      const step = /href="([^"]+\/step\?id=[^"]+)"/.exec(steps)?.[1] ?? "";
      expect((await ui.get(step, { cookie })).status).toBe(200);
      expect(await (await ui.get("runs/acme/shop/r1/verification", { cookie })).text()).toContain("verified");
    });
    expect(await Bun.file(database).bytes()).toEqual(before);
  });
});

test("looking makes no database of an empty file, and a pipe in the place of one keeps nobody waiting", async () => {
  await inFolder(async (root) => {
    const autopilot = autopilotStatePath(root);
    await Bun.write(autopilot, "", { createPath: true });
    const runtime = join(root, "evil/shop/.akc/runtime");
    expect((await shell(`mkdir -p ${runtime} && mkfifo ${runtime}/state.sqlite3`)).exit).toBe(0);
    await serving(root, [], async (ui) => {
      const cookie = await ui.enter();
      for (const [path, status] of [
        ["", 200],
        ["autopilot", 200],
        ["leases", 200],
        ["rollouts", 200],
        ["runs/evil/shop/r1", 500],
      ] as const) {
        expect([path, (await ui.get(path, { cookie })).status]).toEqual([path, status]);
      }
    });
    expect(statSync(autopilot).size).toBe(0);
  });
});

test("it listens on loopback or at a socket of its owner's, and nowhere else", async () => {
  await inFolder(async (root) => {
    for (const listen of ["0.0.0.0:0", "10.0.0.1:0", "example.org:0"]) {
      await expect(serveUi(root, "--listen", listen)).rejects.toThrow("LISTEN_REFUSED");
    }
    await expect(serveUi(root, "--listen", "nonsense")).rejects.toThrow("USAGE");
    const socket = join(root, "ui.sock");
    await serving(root, ["--unix", socket], async (ui) => {
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      const get = (headers: Record<string, string>) =>
        fetch(ui.link, { unix: socket, redirect: "manual", headers });
      expect((await get({ host: "evil.example" })).status).toBe(421);
      expect((await get({})).status).toBe(303);
    });
    expect(existsSync(socket)).toBe(false);
  });
});
