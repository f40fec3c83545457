/** The digests that an export gives back, held against the files it left. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exportRun } from "../../src/evidence/export.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { scope, startedAtMs } from "../store/builders.ts";
import { facts, reconciledTurns, runId, storeHistory, turns } from "./history.ts";

for (const [name, history] of Object.entries({
  coordinated: turns(),
  reconciled: reconciledTurns(),
  empty: [],
})) {
  test(`every file of a ${name} run is sealed with the digest and the size of its bytes`, async () => {
    using place = scope();
    await storeHistory(place.scopeRoot, { history });
    const store = await openStore(place.scopeRoot);
    const reader = await store.openRun(runId);
    const input = { reader, scopeRoot: place.scopeRoot, outputsRoot: place.root, facts, nowMs: startedAtMs };
    const { files, paths } = await exportRun(input);
    const again = await exportRun(input);
    await reader.close();
    await store.close();
    expect(again.files).toEqual(files);
    const onDisk = readdirSync(paths.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(paths.folder.length + 1))
      .sort();
    expect(files.map((file) => file.name)).toEqual(onDisk);
    for (const file of files) {
      const bytes = readFileSync(join(paths.folder, file.name));
      expect(file).toEqual({ name: file.name, sha256: sha256Hex(bytes), sizeBytes: bytes.length });
    }
  });
}
