/**
 * What the files of a binding are called. Decided over the whole set of ids, so that no two bindings ever share a file and the
 * names do not depend on which binding ended first; it touches no disk.
 *
 * Source: spec reconcile §6.4; W-27.
 */
import { sha256Hex } from "../../../json/fingerprint.ts";
import { compareCodePoints } from "../../../json/order.ts";

/** Where artifacts of a run stand below its scope. All runs of a compile run share another place, for those of the latest. */
export function artifactsFolder(runId: string, runtimeRunId: string): string {
  return `.akc/runtime/${runId}/${runtimeRunId}/validators`;
}

/** The documented slug: `a/b` is `a_b`, `.a-` is `a`, `...` is `binding`. Distinct ids may share one. */
export function documentedSlug(id: string): string {
  const slug = id.replaceAll(/[^A-Za-z0-9_.-]+/g, "_").replaceAll(/^[._-]+|[._-]+$/g, "");
  return slug === "" ? "binding" : slug;
}

export interface FileNames {
  /** How the names of all files of a binding begin: its documented slug, with a digest behind where another id has the same. */
  slug(bindingId: string): string;
  /** `<slug>.<rest>`; with a digest in between where that is how the files of another binding begin. */
  fileName(bindingId: string, rest: string): string;
}

/** A file system takes 255 bytes, and a file that is being written has some more in its name; see `attachmentSuffix`. */
const slugCharsMax = 128;
const attachmentBytesMax = 80;

/** What comes behind the slug for a file that a validator made: its own name, unless that is too long. */
export function attachmentSuffix(name: string): string {
  if (Buffer.byteLength(name) <= attachmentBytesMax) return name;
  const [extension = ""] = /\.[A-Za-z0-9]{1,8}$/.exec(name) ?? [];
  return `${sha256Hex(name).slice(0, 32)}${extension}`;
}

/** @param ids of all bindings that are asked together; others have their documented slug */
export function fileNames(ids: Iterable<string>): FileNames {
  const sorted = [...new Set(ids)].sort(compareCodePoints);
  const sharing = new Map<string, number>();
  for (const id of sorted) {
    const key = folded(shortSlug(id));
    sharing.set(key, (sharing.get(key) ?? 0) + 1);
  }
  const taken = new Set<string>();
  const slugs = new Map<string, string>();
  const take = (id: string, slug: string) => {
    slugs.set(id, slug);
    taken.add(folded(slug));
  };
  // Whoever has a slug alone keeps it; only then are the others told apart from all of them.
  for (const id of sorted) if (sharing.get(folded(shortSlug(id))) === 1) take(id, shortSlug(id));
  for (const id of sorted) {
    if (!slugs.has(id))
      take(
        id,
        toldApart(id, (slug) => taken.has(folded(slug))),
      );
  }
  const slugOf = (id: string) => slugs.get(id) ?? shortSlug(id);
  return {
    slug: slugOf,
    fileName(id, rest) {
      const slug = slugOf(id);
      const name = `${slug}.${rest}`;
      if (!hasOtherOwner(name, slug, taken)) return name;
      const apart = toldApart(id, (candidate) =>
        [...taken].some((other) => other.startsWith(folded(candidate))),
      );
      return `${apart}.${rest}`;
    },
  };
}

/** Whether a binding whose slug is longer would call its own file so: `a` and `a.response` both know `a.response.json`. */
function hasOtherOwner(name: string, slug: string, taken: ReadonlySet<string>): boolean {
  for (let at = name.indexOf(".", slug.length + 1); at !== -1; at = name.indexOf(".", at + 1)) {
    if (taken.has(folded(name.slice(0, at)))) return true;
  }
  return false;
}

/** The slug with as much of the id's digest behind it as is needed. */
function toldApart(id: string, isTaken: (slug: string) => boolean): string {
  const digest = sha256Hex(id);
  for (let length = 8; length < digest.length; length += 8) {
    const slug = `${shortSlug(id)}-${digest.slice(0, length)}`;
    if (!isTaken(slug)) return slug;
  }
  return `${shortSlug(id)}-${digest}`;
}

function shortSlug(id: string): string {
  const slug = documentedSlug(id);
  return slug.length <= slugCharsMax ? slug : `${slug.slice(0, slugCharsMax - 65)}-${sha256Hex(id)}`;
}

/** Some file systems do not tell `A` from `a`. */
function folded(slug: string): string {
  return slug.toLowerCase();
}
