/**
 * Digests of files that may be too large for memory. It follows no link at the end of a path: what is asked for is that file.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

export interface FileDigest {
  /** Of the file's bytes, 64 hex digits. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

const blockBytes = 1024 * 1024;

/** undefined when there is no such file, or it cannot be read. Never rejects. */
export async function digestOfFile(path: string): Promise<FileDigest | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return undefined;
    const hasher = new Bun.CryptoHasher("sha256");
    // Most files are small, and whoever asks for hundreds of them would wait for blocks to be made.
    const block = Buffer.allocUnsafe(Math.min(blockBytes, stat.size + 1));
    for (let sizeBytes = 0; ; ) {
      const { bytesRead } = await file.read(block, 0, block.length, null);
      if (bytesRead === 0) return { sha256: hasher.digest("hex"), sizeBytes };
      hasher.update(block.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } catch {
    return undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}
