/**
 * Bad days of the built binary: state that is damaged, gone or not writable, a full disk, folders that disappear, hooks that hang.
 * Each is named, the scope that it is about is held, the others go on, and nothing is reset.
 */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ScopeId } from "../../../src/autopilot/model.ts";
import { changing } from "../../e2e/services.ts";
import { chainFaults, fileFaults, verdictsOf } from "./judge.ts";
import { inPlace, type Place, runningOf, shopScope, soon, standingServices, stop } from "./place.ts";

const patient = 180_000;
const mill: ScopeId = { tenantId: "acme", repoId: "mill" };
const statePath = (place: Place) => join(place.outputsRoot, ".akc/autopilot/state.sqlite3");

/** The shop's services, and one of another scope. */
async function bothStand(place: Place): Promise<void> {
  const { shop } = place;
  expect((await shop.start(await shop.write("v1", standingServices(1)), "--runtime-run-id", "r1")).code).toBe(
    0,
  );
  const other = standingServices(9, ["stone"]).with({ repo_id: mill.repoId });
  const started = await shop.start(await shop.write("stone", other));
  expect({ code: started.code, stderr: started.code === 0 ? "" : started.stderr }).toEqual({
    code: 0,
    stderr: "",
  });
}

const [db = "", web = ""] = runningOf(1);
const [stone = ""] = runningOf(9, ["stone"]);

const kept = (scope: ScopeId, place: Place) => async () =>
  verdictsOf((await place.entries(scope).catch(() => [])).map(({ fact }) => fact)).includes("kept");

const untilKept = (scope: ScopeId, place: Place) => soon(`${scope.repoId} is repaired`, kept(scope, place));

async function isNoted(controller: { lines(): readonly object[] }, code: string): Promise<void> {
  await soon(`${code} is named`, () =>
    controller.lines().some((line) => JSON.stringify(line).includes(code)),
  );
}

test.concurrent(
  "a fact that was changed holds its scope and names it; the others go on, and a person has a way out",
  () =>
    inPlace(async (place) => {
      await bothStand(place);
      await place.configure("");
      expect((await place.once()).code).toBe(0);
      using state = new Database(statePath(place));
      const change = state.query(
        `UPDATE entry SET payload = replace(payload, 'r1', 'r2') WHERE id = (SELECT min(id) FROM entry
         WHERE scope_key = (SELECT scope_key FROM scope WHERE repo_id = 'shop')) RETURNING id`,
      );
      expect(change.all().length).toBe(1);
      const rows = () =>
        state.query("SELECT id, payload, hex(sha256) FROM entry WHERE payload LIKE '%r2%'").all();
      const before = rows();
      await place.end(web);
      await place.end(stone);
      const controller = place.begin();
      await isNoted(controller, "AUTOPILOT_STATE_DAMAGED");
      await untilKept(mill, place);
      expect(place.shop.running()).toEqual([db, stone].toSorted());
      expect(rows()).toEqual(before);
      const status = await place.akc("autopilot", "status");
      expect(status.stdout).toContain("set-aside");
      const shown = await place.shop.world.akc(["autopilot", "status", "--outputs-root", place.outputsRoot]);
      expect(shown.stdout + shown.stderr).toMatch(/acme\/shop[\s\S]*set-aside/);
      const here = ["--scope", "acme/shop", "--reason", "a disk failed"];
      expect((await place.akc("autopilot", "ack", ...here)).code).not.toBe(0);
      const aside = await place.akc("autopilot", "set-aside", ...here);
      expect({ code: aside.code, ...aside.report }).toMatchObject({ code: 0, facts: expect.any(Number) });
      expect(readFileSync(String(aside.report["path"]), "utf8")).toContain("r2");
      expect(place.shop.running()).toEqual([db, stone].toSorted());
      expect((await place.akc("autopilot", "ack", ...here)).code).toBe(0);
      await untilKept(shopScope, place);
      await place.shop.expectRunning([db, web, stone]);
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
      expect([...(await chainFaults(place)), ...(await fileFaults(place))]).toEqual([]);
    }),
  patient,
);

test.concurrent(
  "a state file that was cut off is refused by name and stays as it is",
  () =>
    inPlace(async (place) => {
      await place.shop.start(await place.shop.write("v1", standingServices(1)), "--runtime-run-id", "r1");
      await place.configure("");
      expect((await place.once()).code).toBe(0);
      const path = statePath(place);
      const whole = readFileSync(path);
      truncateSync(path, Math.floor(statSync(path).size / 2) + 100);
      const cut = readFileSync(path);
      await place.end(web);
      const refused = await place.once();
      expect(refused.code).not.toBe(0);
      expect(refused.stdout + refused.stderr).toMatch(/STORE_DAMAGED|AUTOPILOT_STATE_DAMAGED/);
      expect(readFileSync(path).subarray(0, cut.length).equals(cut)).toBe(true);
      expect(place.shop.running()).toEqual([db]);
      writeFileSync(path, whole);
      for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
      expect((await place.once()).code).toBe(0);
      await place.shop.expectRunning([db, web]);
    }),
  patient,
);

test.concurrent(
  "a log that was deleted after a crash loses what was only in it, and no service",
  () =>
    inPlace(async (place) => {
      await place.shop.start(await place.shop.write("v1", standingServices(1)), "--runtime-run-id", "r1");
      await place.shop.write("v2", standingServices(2));
      await place.configure("bundle: side/v2.json\n");
      expect((await place.begin({ failpoint: "reconcile.change_made:1:kill" }).ended).code).toBe(137);
      const [crashed] = place.runs().slice(-1);
      unlinkSync(`${statePath(place)}-wal`);
      rmSync(`${statePath(place)}-shm`, { force: true });
      const controller = place.begin();
      await untilKept(shopScope, place);
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
      await place.shop.expectRunning(runningOf(2));
      expect(await chainFaults(place)).toEqual([]);
      expect(place.begun("db")).toEqual(["v1", "v2"]);
      expect(crashed).toBeDefined();
    }),
  patient,
);

test.concurrent(
  "a disk that is full is named and survived; when there is room, what waited is done",
  () =>
    inPlace(async (place) => {
      const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place.outputsRoot]);
      if (mounted.exitCode !== 0) {
        console.warn("SKIPPED: nobody may mount a file system here, so no disk is full");
        return;
      }
      try {
        mkdirSync(place.shop.world.scope, { recursive: true });
        await place.shop.start(await place.shop.write("v1", standingServices(1)), "--runtime-run-id", "r1");
        await place.configure("");
        const controller = place.begin();
        await place.untilFacts("it has begun", (facts) => facts.length > 0);
        const ballast = join(place.outputsRoot, "ballast");
        fill(place.outputsRoot, ballast);
        await place.end(web);
        await isNoted(controller, "DISK_FULL");
        expect(place.shop.running()).toEqual([db]);
        rmSync(ballast);
        // Each failure is waited longer after than the one before; a person's word is not.
        for (const word of ["pause", "resume"])
          await place.akc("autopilot", word, "--scope", "acme/shop", "--reason", "there is room");
        await untilKept(shopScope, place);
        await place.shop.expectRunning([db, web]);
        await stop(controller);
        expect((await controller.ended).code).toBe(0);
        expect([...(await chainFaults(place)), ...(await fileFaults(place))]).toEqual([]);
      } finally {
        for (const { pid } of place.shop.found()) process.kill(pid, "SIGKILL");
        Bun.spawnSync(["umount", "-l", place.outputsRoot]);
      }
    }),
  patient,
);

function fill(folder: string, ballast: string): void {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(ballast, "");
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, `bs=${bsize}`, `count=${bavail}`, "status=none"]);
}

test.concurrent(
  "an outputs root that is gone for a while is waited for, and gone on with when it is back",
  () =>
    inPlace(async (place) => {
      await bothStand(place);
      await place.configure("");
      const controller = place.begin();
      await place.untilFacts("it has begun", (facts) => facts.length > 0);
      // Moved away in the middle of a write it would leave that half done.
      const files = ["shop", "mill"].map((repo) => `acme/${repo}/.akc/autopilot/chronicle.json`);
      await soon("its files are written", () =>
        files.every((name) => existsSync(join(place.outputsRoot, name))),
      );
      await Bun.sleep(300);
      const away = join(place.outputsRoot, "../away");
      const before = (await place.entries()).length;
      renameSync(place.outputsRoot, away);
      await isNoted(controller, "STORE_UNWRITABLE");
      await Bun.sleep(2_500);
      // Nothing is begun in its place.
      const begun = existsSync(place.outputsRoot) ? readdirSync(place.outputsRoot, { recursive: true }) : [];
      expect(begun).toEqual([]);
      renameSync(away, place.outputsRoot);
      expect((await place.entries()).length).toBe(before);
      await place.end(stone);
      await untilKept(mill, place);
      await place.shop.expectRunning([db, web, stone]);
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
      expect([...(await chainFaults(place)), ...(await chainFaults(place, mill))]).toEqual([]);
    }),
  patient,
);

test.concurrent(
  "a scope whose folder is removed while it is watched harms no other",
  () =>
    inPlace(async (place) => {
      await bothStand(place);
      await place.configure("");
      const controller = place.begin();
      await place.untilFacts("it has begun", (facts) => facts.length > 0);
      rmSync(place.shop.world.scope, { recursive: true, force: true });
      await place.end(stone);
      await untilKept(mill, place);
      expect(place.shop.running()).toEqual([db, web, stone].toSorted());
      // Where nothing is known of what stood, nobody takes it for drift.
      expect((await place.facts("attempt_started")).length).toBe(0);
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
      expect(await chainFaults(place, mill)).toEqual([]);
    }),
  patient,
);

test.concurrent(
  "a hook that hangs, floods and sends children away is ended; other scopes are repaired meanwhile",
  () =>
    inPlace(async (place) => {
      await bothStand(place);
      const hook = "(sleep 61235 &) ; while :; do echo flood >&2; sleep 0.01; done";
      await place.configure(
        `scopes:\n  overrides:\n    acme/shop:\n      recompile: {command: [/bin/sh, -c, ${JSON.stringify(hook)}], timeout: 5s}\n`,
      );
      expect((await place.once()).code).toBe(0);
      const here = ["--tenant-id", "acme", "--repo-id", "shop"];
      expect((await place.akc("autopilot", "trigger", ...here, "--reason", "patched")).code).toBe(0);
      const controller = place.begin();
      await place.untilFacts("the hook is asked", (facts) =>
        facts.some(({ type }) => type === "recompile_started"),
      );
      await place.end(stone);
      await untilKept(mill, place);
      await place.untilFacts("the hook is given up", (facts) =>
        facts.some((fact) => fact.type === "recompile_ended" && fact.result === "failed"),
      );
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
      expect(place.shop.world.processes().filter((shown) => shown.includes("61235"))).toEqual([]);
      const state = await place.store((store) => store.state(shopScope));
      expect([state.openTriggers.length, state.recompiling]).toEqual([1, undefined]);
    }),
  patient,
);

test.concurrent(
  "state that it may not write is named, and nothing is done without it",
  () =>
    inPlace(async (place) => {
      await place.shop.start(await place.shop.write("v1", standingServices(1)), "--runtime-run-id", "r1");
      await place.configure("");
      expect((await place.once()).code).toBe(0);
      chmodSync(join(place.outputsRoot, ".."), 0o755);
      await place.end(web);
      const before = await place.entries();
      const args = ["runtime", "autopilot", "--config", place.config, "--once", "-o", "json"];
      const refused = await place.shop.world.akc(args, {
        env: changing,
        uid: 65_534,
        cwd: place.outputsRoot,
      });
      // It is a standby that can take nothing, and says why.
      expect(refused.stderr).toMatch(/lease_unknown.*STORE_UNWRITABLE/);
      expect(await place.entries()).toEqual([...before]);
      expect(place.shop.running()).toEqual([db]);
    }),
  patient,
);
