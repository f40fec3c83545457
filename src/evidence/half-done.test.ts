import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { removeHalfDone } from "./half-done.ts";
import { evidencePaths } from "./layout.ts";

test("half files of the dead go; those of the living, and whatever else has such a name, stay", async () => {
  const root = await mkdtemp(join(tmpdir(), "akc-half-done-"));
  try {
    const paths = evidencePaths(root, { runId: "r", runtimeRunId: "rt" });
    await mkdir(dirname(paths.audit), { recursive: true });
    const dead = Bun.spawn(["true"]);
    await dead.exited;
    const stays = [
      "events.json",
      `.events.json.tmp.${process.pid}.0123abcd`,
      `.events.json.tmp.${process.ppid}.0123abcd`,
      `.events.json.tmp.${dead.pid}.0123abcd.kept`,
      `events.json.tmp.${dead.pid}.0123abcd`,
    ];
    for (const folder of [paths.folder, dirname(paths.audit)]) {
      for (const name of [...stays, `.events.json.tmp.${dead.pid}.0123abcd`]) {
        await Bun.write(join(folder, name), "{");
      }
    }
    await removeHalfDone([paths.folder, dirname(paths.audit)]);
    expect((await readdir(dirname(paths.audit))).toSorted()).toEqual(stays.toSorted());
    expect((await readdir(paths.folder)).toSorted()).toEqual([...stays, "evidence"].toSorted());
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
