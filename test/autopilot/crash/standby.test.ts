/** A controller of the built binary that waits for another's lease: it leaves no trace, in no file and in no row. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { inPlace, isHolding, type Place, soon, standingServices, stateOf, stop } from "./place.ts";

const backends = ["sqlite", "filesystem"] as const;
const patient = 240_000;

test.concurrent.each(backends)(
  "%s: a standby writes nothing while it waits",
  (backend) =>
    inPlace(async (place) => {
      const path = await place.shop.write("v1", standingServices(1));
      expect((await place.shop.start(path, "--runtime-run-id", "r1")).code).toBe(0);
      await place.configure(`bundle: side/v1.json\nlease: {backend: ${backend}, ttl: 60s}\n`);
      const holder = place.begin({ flags: ["--controller-id", "holder"] });
      await place.untilFacts("the holder has begun", (facts) => facts.length > 0);
      await soon("the holder rests", () => stateOf(holder.pid) === "S" && isHolding(holder));
      // So that whatever is written is the standby's.
      await soon("the holder is stopped in no transaction", async () => {
        holder.kill("SIGSTOP");
        const free = isWritable(place);
        if (!free) holder.kill("SIGCONT");
        return free;
      });
      const before = picture(place);
      // The interval is a second, so that it has been there a few times.
      const standby = place.begin({ flags: ["--controller-id", "standby"] });
      await soon("the standby was refused", () => {
        return standby.lines().some(({ event }) => event === "lease_held_by_another");
      });
      await Bun.sleep(2_500);
      expect(picture(place)).toEqual(before);
      await stop(standby);
      expect((await standby.ended).code).toBe(0);
      expect(picture(place)).toEqual(before);
      holder.kill("SIGCONT");
      await stop(holder);
      expect((await holder.ended).code).toBe(0);
    }),
  patient,
);

function isWritable(place: Place): boolean {
  using db = new Database(join(place.outputsRoot, ".akc/autopilot/state.sqlite3"));
  try {
    db.run("BEGIN IMMEDIATE");
    db.run("ROLLBACK");
    return true;
  } catch {
    return false;
  }
}

/** Every file with its size and the time of its last change, and what the database counts. The index of its log is its readers' too. */
function picture(place: Place): object {
  const files = readdirSync(place.outputsRoot, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.endsWith("-shm"))
    .toSorted()
    .map((name) => {
      const { size, mtimeNs, ino } = lstatSync(join(place.outputsRoot, name), { bigint: true });
      return `${name} ${size} ${mtimeNs} ${ino}`;
    });
  using db = new Database(join(place.outputsRoot, ".akc/autopilot/state.sqlite3"), { readonly: true });
  const rows = ["change", "lease", "controller", "scope", "tally"].map((table) =>
    db.query(`SELECT * FROM ${table}`).all(),
  );
  return { files, rows };
}
