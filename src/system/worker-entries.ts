/**
 * The worker threads of akc, by file. A compiled binary holds only what the build is told of, so the build reads this list.
 * It starts no thread.
 */

/**
 * Entry points for `bun build --compile` beside the program's own, relative to the folder of `src/main.ts`, which must be
 * the build's root: each then lies at the same place below the bundle's.
 */
export const workerEntries = [
  "system/spawn-worker.ts",
  "system/digest-worker.ts",
  "replay/pass-worker.ts",
] as const;

/** Where a worker's code is, in source and in a compiled binary alike. Never a relative path: Bun would look in the working directory. */
export function workerUrl(entry: (typeof workerEntries)[number]): URL {
  // In source this module lies in src/system; compiled, all of the program is one file at the root of the bundle.
  return Bun.isStandaloneExecutable
    ? new URL(`./${entry.replace(/\.ts$/, ".js")}`, import.meta.url)
    : new URL(`../${entry}`, import.meta.url);
}
