/**
 * A unix socket to listen at: made with the mode that is asked for and no wider for a moment, and put in the place of one that a dead
 * process left. Never takes the place of one that somebody answers, or of a file that is no socket.
 *
 * Source: unix(7).
 */
import { chmodSync, constants, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf, lockFile } from "../../system/files.ts";

/** `sun_path` holds 108 bytes, the last of them a NUL. */
const pathBytesMax = 107;

/**
 * @param bind listens at the path, which is not there then; called at most twice
 * @throws AkcError LISTEN_REFUSED when it is taken, no socket, or too long a path
 */
export async function atUnixSocket<Bound>(path: string, mode: number, bind: () => Bound): Promise<Bound> {
  if (Buffer.byteLength(path) > pathBytesMax) {
    throw refused(path, `the path of a socket has at most ${pathBytesMax} bytes`);
  }
  mkdirSync(dirname(path), { recursive: true });
  // Two that both find a stale socket would take each other's away.
  const lock = await open(
    join(dirname(path), `.${basename(path)}.lock`),
    constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await lockFile(lock.fd, path);
    if (await isStale(path)) unlinkSync(path);
    return bound(path, mode, bind);
  } finally {
    await lock.close();
  }
}

function bound<Bound>(path: string, mode: number, bind: () => Bound): Bound {
  const before = process.umask(0o177);
  try {
    const listening = bind();
    chmodSync(path, mode & 0o777);
    return listening;
  } catch (cause) {
    if (errnoOf(cause) === "EADDRINUSE") throw refused(path, "somebody listens there already");
    throw cause;
  } finally {
    process.umask(before);
  }
}

/** Whether there is a socket that nobody answers. @throws AkcError LISTEN_REFUSED for what is there and no such socket */
async function isStale(path: string): Promise<boolean> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isSocket()) throw refused(path, "there is a file that is no socket");
  const answer = await answerOf(path);
  if (answer === "ECONNREFUSED") return true;
  throw refused(
    path,
    answer === undefined ? "somebody listens there already" : `it cannot be asked: ${answer}`,
  );
}

/** Undefined where somebody accepts, else why not. */
function answerOf(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (answer: string | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end("ETIMEDOUT"), limits.outsideRequestMs);
    socket.once("connect", () => end(undefined));
    socket.once("error", (cause) => end(errnoOf(cause) ?? "unknown"));
  });
}

function refused(path: string, why: string): AkcError {
  return new AkcError("LISTEN_REFUSED", { details: { path, why } });
}
