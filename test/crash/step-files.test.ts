/**
 * Files and values that steps hand on, over the death of the process at every kind of place: what the next process hands on
 * is what was recorded, and nothing that was recorded is done again.
 */
import { expect, test } from "bun:test";
import type { Failpoint } from "../../src/system/failpoint.ts";
import { plainEnv } from "../e2e/akc.ts";
import { type Json, sh } from "../e2e/bundle.ts";
import { filled, handing, leaving, step } from "../e2e/handed.ts";
import { expectOutcome, inWorld, type RecordedEvent } from "../e2e/world.ts";
import { binaries } from "./stage.ts";

const name = `\${{ steps.name.outputs.stdout }}`;

/** Large enough for a file of its own; what each step leaves depends on all that it is given. */
const train = handing(
  step("name", sh("echo release-7")),
  step("build", leaving("seq 1 9000 > big; echo small > little", "big", "little")),
  step(
    "pack",
    {
      ...filled({
        route: "subprocess",
        subprocess: { argv: ["sh", "-c", 'cat in/big in/little > "$0"; echo "$0" > name', name] },
      }),
      files: {
        inputs: [
          { step: "build", path: "big", as: "in/big" },
          { step: "build", path: "little", as: "in/little" },
        ],
        outputs: ["release-7", "name"],
      },
    },
    "build",
    "name",
  ),
  step(
    "ship",
    {
      ...sh("cat name; wc -c < release-7"),
      files: {
        inputs: [
          { step: "pack", path: "release-7" },
          { step: "pack", path: "name" },
        ],
      },
    },
    "pack",
  ),
);

const deaths: readonly (readonly [Failpoint, number])[] = [
  ["artifact.before_rename", 1],
  ["artifact.kept", 1],
  ["artifact.kept", 2],
  ["effect.ended", 2],
  ["effect.ended", 3],
  ["effect.before_start", 3],
  ["commit.before_commit", 4],
  ["commit.committed", 3],
  ["commit.committed", 4],
];

test.each(deaths)("killed at %s, the %dth time", async (place, nth) => {
  await inWorld(async (world) => {
    const path = await world.place(train);
    const args = [
      "runtime",
      "start",
      "--bundle",
      path,
      "--mode",
      "enforce",
      "--runtime-run-id",
      "r1",
      "-o",
      "json",
    ];
    const failpoint = `${place}:${nth}:kill`;
    const child = Bun.spawn([binaries.failpoints, ...args], {
      cwd: world.side,
      env: { ...plainEnv, AKC_FAILPOINT: failpoint },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await child.exited).toBe(137);
    const before = successes(world.events("r1"));
    expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
    const after = successes(world.events("r1"));
    expect(Object.keys(after).sort()).toEqual(["build", "name", "pack", "ship"]);
    for (const [id, { seq }] of Object.entries(before)) expect(after[id]?.seq).toBe(seq);
    expect(Object(after["ship"]?.outputs)["stdout"]).toBe("release-7\n43899\n");
    expect((await world.ask("runtime", "verify", "r1")).code).toBe(0);
  });
});

/** The one success of each step. */
function successes(
  events: readonly RecordedEvent[],
): Readonly<Record<string, { seq: number; outputs: unknown }>> {
  const found: Record<string, { seq: number; outputs: unknown }> = {};
  for (const [seq, { type, payload }] of events.entries()) {
    if (type !== "runtime.action.completed") continue;
    const id = String(Object(payload["action"])["action_id"]).split(":")[1] ?? "";
    expect(Object.hasOwn(found, id)).toBe(false);
    const result: Json = Object(payload["result"]);
    found[id] = { seq, outputs: result["outputs"] };
  }
  return found;
}
