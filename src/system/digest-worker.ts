/**
 * The worker thread that reads files and takes their digests, so that whoever asks can do something else meanwhile.
 * It changes nothing, and says of a file that cannot be read only that it cannot.
 */
import { digestOfFile } from "./file-digest.ts";

declare const self: Worker;

self.onmessage = async ({ data }: MessageEvent<{ readonly id: number; readonly path: string }>) => {
  postMessage({ id: data.id, digest: await digestOfFile(data.path) });
};
