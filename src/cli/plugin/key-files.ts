/** Key files on disk: one line of text each. A private key is its owner's alone, when it is written and when it is read. */
import { lstat, open, unlink } from "node:fs/promises";
import { AkcError } from "../../errors.ts";
import type { KeyPair } from "../../plugin-host/signature.ts";
import { errnoOf, readFileBounded } from "../../system/files.ts";

/** Both or neither. @throws AkcError FILE_EXISTS where one of the files is there already, USAGE where one cannot be made */
export async function writeKeyFiles(path: string, pair: KeyPair): Promise<void> {
  await writeNew(path, `${pair.privateKey}\n`, 0o600);
  try {
    await writeNew(`${path}.pub`, `${pair.publicKey}\n`, 0o644);
  } catch (cause) {
    await unlink(path);
    throw cause;
  }
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, "wx", mode);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno !== "EEXIST") {
      throw new AkcError("USAGE", {
        message: "no key can be written there",
        hint: "Name a file in a folder that is there and that you may write to.",
        cause,
        details: { path, errno },
      });
    }
    throw new AkcError("FILE_EXISTS", {
      hint: "A key that signed something is worth keeping: choose another name.",
      details: { path },
    });
  }
  try {
    await file.chmod(mode);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @throws AkcError FILE_NOT_FOUND, PLUGIN_KEY_INVALID also where others could have read it */
export async function readPrivateKey(path: string): Promise<string> {
  const text = new TextDecoder().decode(await readFileBounded(path, 4_096));
  if (text.startsWith("ed25519:")) {
    throw new AkcError("PLUGIN_KEY_INVALID", {
      message: "this is a public key",
      hint: "Sign with the private one, which is in the other file.",
      details: { path },
    });
  }
  const { mode } = await lstat(path);
  if ((mode & 0o077) !== 0) {
    throw new AkcError("PLUGIN_KEY_INVALID", {
      message: "others may read the private key",
      hint: `Make it yours alone (chmod 600 ${path}); if it was read, make a new one.`,
      details: { path },
    });
  }
  if (!/^ed25519-private:\S+\s*$/.test(text)) {
    throw new AkcError("PLUGIN_KEY_INVALID", { details: { path } });
  }
  return text.trim();
}
