/**
 * Makes a working copy in which the train can run: the sources, a new key, and the bundles where akc looks for their
 * company. `bun examples/release-train/prepare.ts FOLDER` makes one by hand.
 */
import { randomBytes } from "node:crypto";
import { chmod, cp, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { variants } from "./graph.ts";
import { defaultRegistry, makeBundle, repoId, tenantId } from "./make-bundle.ts";

export interface WorkingCopy {
  /** `<folder>/acme/tally`: what roles' read-only roots are relative to. */
  readonly repoRoot: string;
  /** 64 hexadecimal digits. */
  readonly key: string;
  /** Absolute paths by the variant's id. */
  readonly bundles: Readonly<Record<(typeof variants)[number]["id"], string>>;
}

/** @param folder must not hold a working copy yet. */
export async function prepare(folder: string, registry: string = defaultRegistry): Promise<WorkingCopy> {
  const repoRoot = join(resolve(folder), tenantId, repoId);
  for (const tree of ["source", "update"]) {
    await cp(join(import.meta.dir, tree), join(repoRoot, tree), {
      recursive: true,
      errorOnExist: true,
      force: false,
    });
  }
  const key = randomBytes(32).toString("hex");
  await mkdir(join(repoRoot, "keys"), { mode: 0o700 });
  const keyFile = join(repoRoot, "keys/release.key");
  await Bun.write(keyFile, `${key}\n`);
  await chmod(keyFile, 0o600);
  const bundles = { release: "", regression: "" };
  for (const variant of variants) {
    const { runId, bundle, orchestration } = makeBundle(variant, registry);
    bundles[variant.id] = join(repoRoot, `.akc/runtime/${runId}.runtime_bundle.json`);
    await Bun.write(bundles[variant.id], bundle);
    await Bun.write(join(repoRoot, `.akc/orchestration/${runId}.orchestration.json`), orchestration);
  }
  return { repoRoot, key, bundles };
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("name a folder for the working copy");
  const { bundles } = await prepare(folder);
  console.log(Object.values(bundles).join("\n"));
}
