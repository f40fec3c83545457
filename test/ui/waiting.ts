/** A run that waits for an approval. */
import { existsSync } from "node:fs";
import { type BundleBuilder, bundle, sh } from "../e2e/bundle.ts";
import { type Live, until, type World } from "../e2e/world.ts";

const approval = bundle()
  .step("build", sh("true"))
  .step("approve", { route: "wait", wait: { signal: "go-live", approval: true } }, "build")
  .step("deploy", sh("true"), "approve");

/** Starts `r1` and waits until it stands `waiting`. */
export async function waiting(world: World, run: BundleBuilder = approval): Promise<Live> {
  const live = await world.begin(run, "--runtime-run-id", "r1");
  await until(
    "the run waits",
    async () => existsSync(world.runFolder("r1")) && (await world.standing("r1")) === "waiting",
  );
  return live;
}
