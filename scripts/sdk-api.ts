/**
 * The public surface of `akc/sdk` as one text: every exported name with its signature, without words. Kept in docs/sdk-api.txt, so that
 * a change of what plugins are written against is seen in review.
 *
 *   bun scripts/sdk-api.ts        writes it anew
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
export const sdkApiFile = join(root, "docs", "sdk-api.txt");

/** In the order in which a reader needs them. */
const modules = [
  "index",
  "define",
  "adapter",
  "provider",
  "validator",
  "measure",
  "call",
  "errors",
  "serve",
  "protocol",
];

export async function sdkApiText(): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), "akc-sdk-api-"));
  try {
    const tsc = Bun.spawn(
      [
        join(root, "node_modules/.bin/tsc"),
        ...[
          "--ignoreConfig",
          "--declaration",
          "--emitDeclarationOnly",
          "--outDir",
          outDir,
          "--removeComments",
        ],
        ...["--target", "ESNext", "--module", "ESNext", "--moduleResolution", "bundler", "--lib", "ESNext"],
        ...["--types", "bun", "--strict", "--exactOptionalPropertyTypes", "--allowImportingTsExtensions"],
        ...["--skipLibCheck", join(root, "src/sdk/index.ts")],
      ],
      { cwd: root, stdout: "pipe", stderr: "inherit" },
    );
    const said = await new Response(tsc.stdout).text();
    if ((await tsc.exited) !== 0) throw new Error(said);
    const texts = await Promise.all(
      modules.map(async (name) => `// ${name}\n${await readFile(join(outDir, `${name}.d.ts`), "utf8")}`),
    );
    return texts.join("\n");
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

if (import.meta.main) await writeFile(sdkApiFile, await sdkApiText());
