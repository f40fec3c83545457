/**
 * Whether bytes are a whole picture or a whole film, as far as its container says so: a name or an exit code proves neither.
 * Decodes nothing.
 *
 * Source: PNG (ISO/IEC 15948) §5; ISO base media file format (ISO/IEC 14496-12) §4.2; QuickTime files are built the same way.
 */

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Where it ends: what follows is not of it. */
  readonly endsAt: number;
}

const pngSignature: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Chunks of a picture, boxes of a film: what has more is none that a recorder makes. */
const piecesMax = 50_000;

/** Undefined when it is none, or is cut off. */
export function readPng(bytes: Uint8Array): Picture | undefined {
  if (!pngSignature.every((byte, at) => bytes[at] === byte)) return undefined;
  const view = viewOf(bytes);
  let size: { readonly width: number; readonly height: number } | undefined;
  let hasPixels = false;
  let at = pngSignature.length;
  for (let pieces = 0; pieces < piecesMax && at + 12 <= bytes.length; pieces += 1) {
    const length = view.getUint32(at);
    const type = typeAt(bytes, at + 4);
    const next = at + 12 + length;
    if (next > bytes.length) return undefined;
    if (size === undefined) {
      if (type !== "IHDR" || length !== 13) return undefined;
      size = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
      if (size.width === 0 || size.height === 0) return undefined;
    }
    if (type === "IDAT") hasPixels = true;
    if (type === "IEND") return hasPixels ? { ...size, endsAt: next } : undefined;
    at = next;
  }
  return undefined;
}

/** The warning of screencap on devices with several displays, which exec-out puts in front of the picture. */
const warningBytesMax = 4 * 1024;

/** Where the picture begins in what screencap put out; undefined when there is none. */
export function pngStart(bytes: Uint8Array): number | undefined {
  const head = bytes.subarray(0, warningBytesMax);
  if (head[0] === pngSignature[0]) return 0;
  if (!new TextDecoder().decode(head.subarray(0, 9)).startsWith("[Warning]")) return undefined;
  const at = head.findIndex((_, start) =>
    pngSignature.every((byte, offset) => head[start + offset] === byte),
  );
  return at === -1 ? undefined : at;
}

/** Whether its boxes fill it, and index and pictures are among them: a recorder that was killed leaves the index out. */
export function isMovie(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  let hasIndex = false;
  let hasPictures = false;
  let at = 0;
  for (let pieces = 0; pieces < piecesMax && at + 8 <= bytes.length; pieces += 1) {
    const type = typeAt(bytes, at + 4);
    if (at === 0 && type !== "ftyp") return false;
    if (type === "moov") hasIndex = true;
    if (type === "mdat") hasPictures = true;
    const size = boxSize(view, at);
    if (size === undefined) return false;
    at += size;
  }
  return hasIndex && hasPictures && at === bytes.length;
}

/** Undefined when it does not fit. */
function boxSize(view: DataView, at: number): number | undefined {
  const left = view.byteLength - at;
  const short = view.getUint32(at);
  if (short === 0) return left;
  if (short !== 1) return short >= 8 && short <= left ? short : undefined;
  if (left < 16) return undefined;
  const long = view.getBigUint64(at + 8);
  return long >= 16n && long <= BigInt(left) ? Number(long) : undefined;
}

function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
