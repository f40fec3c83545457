/** Keeping what akc knows: backups of a busy state, runs that leave as archives, retention, and what is left after damage. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bundle, type Json, noop, sh } from "./bundle.ts";
import { expectError, inWorld, jsonObject, type Ran, untilThere, type World } from "./world.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const small = bundle()
  .step("make", sh("head -c 300000 /dev/zero | tr '\\0' m; echo made >&2"))
  .step("check", sh("echo fine"), "make")
  .step("note", noop, "check");

/** Goes on without end, a step after the other. */
const busy = bundle()
  .step("up", sh("touch up"))
  .step("long", sh("echo $$ > it; mv it long; while :; do sleep 0.05; done"), "up");

async function ran(world: World, id: string): Promise<void> {
  const { code } = await world.start(small, "--runtime-run-id", id);
  expect(code).toBe(0);
}

const database = (world: World) => join(world.scope, ".akc/runtime/state.sqlite3");

async function verified(world: World, id: string, ...flags: readonly string[]): Promise<void> {
  const { code, stdout } = await world.akc([
    "runtime",
    "verify",
    ...(id === "" ? [] : [id]),
    ...flags,
    "-o",
    "json",
  ]);
  expect([code, jsonObject(stdout)["verdict"], jsonObject(stdout)["divergence"]]).toEqual([
    0,
    "verified",
    undefined,
  ]);
}

function json(ran: Ran): Json {
  return jsonObject(ran.stdout);
}

describe("a backup", () => {
  test("of a state whose run is under way restores to a state in which every run is verified", async () => {
    await inWorld(async (world) => {
      await ran(world, "before");
      const live = await world.begin(busy, "--runtime-run-id", "busy");
      await untilThere(join(world.workdir("busy"), "up"));
      const file = join(world.side, "shop.akcstate");
      const made = await world.ask("state", "backup", "--to", file);
      expect([made.code, made.report]).toEqual([
        0,
        expect.objectContaining({
          kind: "Backup",
          tenant_id: "acme",
          repo_id: "shop",
          run_count: 2,
          not_copied: [],
        }),
      ]);
      expectError(
        await world.akc(["state", "backup", "--to", file, "--outputs-root", world.root, "-o", "json"]),
        "FILE_EXISTS",
        2,
      );
      const other = join(world.side, "restored");
      const restored = await world.akc([
        "state",
        "restore",
        "--from",
        file,
        "--outputs-root",
        other,
        "-o",
        "json",
      ]);
      expect([restored.code, json(restored)["run_count"]]).toEqual([0, 2]);
      const checked = await world.akc(["state", "check", "--deep", "--outputs-root", other, "-o", "json"]);
      expect([checked.code, json(checked)["whole"]]).toEqual([0, true]);
      await verified(world, "before", "--outputs-root", other);
      await verified(world, "busy", "--outputs-root", other);
      // There nobody runs it: it was cut off, as far as that state knows.
      const listed = await world.akc(["runtime", "list", "--outputs-root", other, "-o", "json"]);
      expect(listed.stdout).toContain('"standing": "abandoned"');
      expectError(
        await world.akc(["state", "restore", "--from", file, "--outputs-root", world.root, "-o", "json"]),
        "STATE_EXISTS",
        2,
      );
      expectError(
        await world.akc([
          "state",
          "restore",
          "--from",
          file,
          "--outputs-root",
          world.root,
          "--force",
          "-o",
          "json",
        ]),
        "LEASE_HELD",
        5,
      );
      live.kill("SIGTERM");
      await live.ended;
      await verified(world, "busy", "--outputs-root", world.root);
    });
  });

  test("is not made of what is none, nor where it cannot stand", async () => {
    await inWorld(async (world) => {
      const to = join(world.side, "b");
      expectError(
        await world.akc(["state", "backup", "--to", to, "--outputs-root", world.side, "-o", "json"]),
        "RUN_NOT_FOUND",
        2,
      );
      await ran(world, "r");
      const nowhere = await world.akc([
        "state",
        "backup",
        "--to",
        join(world.side, "no/b"),
        "--outputs-root",
        world.root,
        "-o",
        "json",
      ]);
      expectError(nowhere, "OUTPUTS_UNWRITABLE", 2);
      writeFileSync(to, "x".repeat(5_000));
      expectError(
        await world.akc([
          "state",
          "restore",
          "--from",
          to,
          "--outputs-root",
          join(world.side, "n"),
          "-o",
          "json",
        ]),
        "BACKUP_INVALID",
        2,
      );
      expect((await world.akc(["state", "backup", "--outputs-root", world.root])).code).toBe(2);
      expect(readdirSync(world.side).sort()).toEqual(["b"]);
    });
  });
});

describe("an archive", () => {
  test("of a run is verified, replayed and read alone, in an empty folder", async () => {
    await inWorld(async (world) => {
      await ran(world, "keep-me");
      const file = join(world.side, "run.akcrun");
      const made = await world.ask("runtime", "export", "keep-me", "--to", file);
      expect([made.code, made.report]).toEqual([
        0,
        expect.objectContaining({ kind: "Archive", runtime_run_id: "keep-me", not_copied: [] }),
      ]);
      const here = await world.ask("runtime", "events", "keep-me");
      const replayed = await world.ask("runtime", "replay", "keep-me", "--mode", "runtime_replay");
      rmSync(world.root, { recursive: true });
      const before = readFileSync(file);
      await verified(world, "", "--archive", file, "--rebuild");
      await verified(world, "keep", "--archive", file);
      const events = await world.akc(["runtime", "events", "--archive", file, "-o", "json"]);
      expect(json(events)["items"]).toHaveLength((here.report["items"] as readonly unknown[]).length);
      const again = await world.akc(["runtime", "replay", "--archive", file, "--mode", "runtime_replay"]);
      expect([again.code, json(again)]).toEqual([0, replayed.report]);
      const status = await world.akc(["runtime", "status", "--archive", file, "-o", "json"]);
      expect(json(status)).toMatchObject({
        runtime_run_id: "keep-me",
        standing: "succeeded",
        checkpoint_present: true,
      });
      const unpacked = join(world.side, "files");
      expect((await world.akc(["runtime", "export", "--unpack", file, "--to", unpacked])).code).toBe(0);
      expect(existsSync(join(unpacked, "runtime_run.json"))).toBe(true);
      expect(readFileSync(file).equals(before)).toBe(true);
      expect(readdirSync(world.side).sort()).toEqual(["files", "run.akcrun"]);
    });
  });

  test("shows what was edited before it was made, and is refused when it was edited itself", async () => {
    await inWorld(async (world) => {
      await ran(world, "r");
      writeFileSync(join(world.runFolder("r"), "checkpoint.json"), "{}");
      const file = join(world.side, "run.akcrun");
      const made = await world.ask("runtime", "export", "r", "--to", file);
      expect([made.code, made.report["not_copied"]]).toEqual([
        1,
        [{ what: "evidence", name: "checkpoint.json", why: "changed" }],
      ]);
      const found = await world.akc(["runtime", "verify", "--archive", file, "-o", "json"]);
      expect([found.code, json(found)["divergence"]]).toEqual([
        1,
        expect.objectContaining({ place: "evidence", name: expect.stringContaining("checkpoint.json") }),
      ]);
      truncateSync(file, 20_000);
      expectError(
        await world.akc(["runtime", "verify", "--archive", file, "-o", "json"]),
        "ARCHIVE_INVALID",
        2,
      );
      writeFileSync(file, "no archive");
      expectError(
        await world.akc(["runtime", "events", "--archive", file, "-o", "json"]),
        "ARCHIVE_INVALID",
        2,
      );
      expectError(
        await world.akc(["runtime", "verify", "--archive", `${file}.none`, "-o", "json"]),
        "FILE_NOT_FOUND",
        2,
      );
    });
  });
});

describe("prune", () => {
  test("removes old runs with all that is theirs, and never one that is under way", async () => {
    await inWorld(async (world) => {
      for (const id of ["r1", "r2", "r3"]) await ran(world, id);
      const live = await world.begin(busy, "--runtime-run-id", "live");
      await untilThere(join(world.workdir("live"), "up"));
      const outside = join(world.side, "outside");
      mkdirSync(outside);
      writeFileSync(join(outside, "precious"), "");
      symlinkSync(outside, join(world.runFolder("r1"), "link"));
      const would = await world.ask("runtime", "prune", "--keep", "1", "--dry-run");
      expect([would.report["removed_count"], existsSync(world.runFolder("r1"))]).toEqual([2, true]);
      const done = await world.ask("runtime", "prune", "--keep", "1", "--compact", "--abandoned");
      expect([done.code, done.report]).toEqual([
        0,
        expect.objectContaining({ kind: "PruneResult", removed_count: 2, kept_count: 2 }),
      ]);
      expect(Number(done.report["freed_bytes"])).toBeGreaterThan(1_000);
      expect(done.stderr).toContain("a run is under way");
      expect(["r1", "r2", "r3", "live"].map((id) => existsSync(world.runFolder(id)))).toEqual([
        false,
        false,
        true,
        true,
      ]);
      expect(existsSync(join(outside, "precious"))).toBe(true);
      // All three had the same large output; the one that is left still has it.
      await verified(world, "r3", "--outputs-root", world.root);
      live.kill("SIGTERM");
      await live.ended;
      await verified(world, "live", "--outputs-root", world.root);
      const all = await world.ask("runtime", "prune", "--keep", "0", "--compact");
      expect(all.report).toMatchObject({ removed_count: 2, kept_count: 0 });
      const checked = await world.ask("state", "check", "--deep");
      expect(checked.report).toMatchObject({
        whole: true,
        items: [{ runs: [], orphan_files: [], free_bytes: 0 }],
      });
    });
  });

  test("keeps what was cut off unless told otherwise, and what is younger than asked for", async () => {
    await inWorld(async (world) => {
      await ran(world, "young");
      const live = await world.begin(busy, "--runtime-run-id", "dead");
      await untilThere(join(world.workdir("dead"), "up"));
      await untilThere(join(world.workdir("dead"), "long"));
      live.kill("SIGKILL");
      await live.ended;
      // What a killed akc had started may live on.
      process.kill(Number(readFileSync(join(world.workdir("dead"), "long"), "utf8")), "SIGKILL");
      expect((await world.ask("runtime", "prune", "--keep", "1d")).report["removed_count"]).toBe(0);
      expect((await world.ask("runtime", "prune", "--keep", "0ms")).report["removed_count"]).toBe(1);
      expect(existsSync(world.runFolder("dead"))).toBe(true);
      expect(
        (await world.ask("runtime", "prune", "--keep", "0", "--abandoned")).report["removed_count"],
      ).toBe(1);
      expect(existsSync(world.runFolder("dead"))).toBe(false);
      for (const wrong of ["-1", "x", "1y", ""]) {
        expect(
          (await world.akc(["runtime", "prune", `--keep=${wrong}`, "--outputs-root", world.root])).code,
        ).toBe(2);
      }
      expect((await world.akc(["runtime", "prune", "--outputs-root", world.root])).code).toBe(2);
    });
  });

  test("that was cut off is finished, or undone, by the next one", async () => {
    await inWorld(async (world) => {
      await ran(world, "there");
      await ran(world, "gone");
      const aside = join(world.scope, ".akc/pruned");
      await world.shell(
        `mkdir -p '${aside}' && mv '${world.runFolder("there")}' '${aside}/there' && cp -r '${aside}/there' '${aside}/long-gone'`,
      );
      const done = await world.ask("runtime", "prune", "--keep", "30d");
      expect(done.report).toMatchObject({ removed_count: 0, kept_count: 2 });
      expect(Number(done.report["freed_bytes"])).toBeGreaterThan(0);
      expect(existsSync(aside)).toBe(false);
      await verified(world, "there", "--outputs-root", world.root);
    });
  });
});

describe("a damaged state", () => {
  test("is refused with the way out; check says so, and salvage saves what is left", async () => {
    await inWorld(async (world) => {
      for (const id of ["r1", "r2", "r3"]) await ran(world, id);
      const whole = readFileSync(database(world));
      const damaged = Buffer.from(whole).fill(0xee, 0, 4_096);
      writeFileSync(database(world), damaged);
      const refused = await world.start(small);
      expect(String(expectError(refused, "STORE_DAMAGED", 1)["hint"])).toContain(
        "akc state salvage --to DIR",
      );
      const checked = await world.ask("state", "check");
      expect([checked.code, checked.report]).toEqual([
        1,
        expect.objectContaining({ kind: "StateCheck", whole: false }),
      ]);
      expect(checked.stderr).toContain("state salvage --to DIR");
      const saved = join(world.side, "saved");
      const report = await world.ask("state", "salvage", "--to", saved);
      expect(readFileSync(database(world)).equals(damaged)).toBe(true);
      expect(report.report).toMatchObject({
        kind: "Salvage",
        whole: false,
        header_whole: false,
        artifacts_lost: 0,
        evidence_files_lost: 0,
      });
      for (const id of ["r1", "r2", "r3"]) await verified(world, id, "--outputs-root", saved);
      expectError(
        await world.akc(["state", "salvage", "--to", saved, "--outputs-root", world.root, "-o", "json"]),
        "STATE_EXISTS",
        2,
      );
      writeFileSync(database(world), whole);
    });
  });

  test("from a few flipped bytes: a run that is called whole is verified, wherever they are", async () => {
    await inWorld(async (world) => {
      for (const id of ["r1", "r2"]) await ran(world, id);
      const whole = readFileSync(database(world));
      let seed = 7;
      const next = (below: number) => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      let claimed = 0;
      for (let round = 0; round < 12; round += 1) {
        const damaged = Buffer.from(whole);
        for (let flip = 0; flip < 4; flip += 1) damaged.writeUInt8(next(256), next(damaged.byteLength));
        writeFileSync(database(world), damaged);
        const saved = join(world.side, `saved-${round}`);
        const { code, report } = await world.ask("state", "salvage", "--to", saved);
        expect(code).toBeLessThan(2);
        const items = (report["items"] ?? []) as readonly Json[];
        for (const item of items.filter(({ standing }) => standing === "whole")) {
          claimed += 1;
          await verified(world, String(item["runtime_run_id"]), "--outputs-root", saved);
        }
      }
      expect(claimed).toBeGreaterThan(0);
      writeFileSync(database(world), whole);
    });
  });
});
