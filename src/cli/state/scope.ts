/** Finds the scopes that a command about states means. Reads folder names only. */
import { resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { type FoundScope, scopesBelow } from "../../store/sqlite/find.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import type { Where } from "../runtime/locate.ts";

/** Every scope with a state, in order of their names; at least one. @throws AkcError RUN_NOT_FOUND */
export async function scopesOf(io: Io, where: Where): Promise<readonly FoundScope[]> {
  const outputsRoot = await outputsRootOf(io, where.outputsRoot);
  const found: FoundScope[] = [];
  for await (const scope of scopesBelow(outputsRoot, where)) found.push(scope);
  if (found.length > 0) return found;
  throw new AkcError("RUN_NOT_FOUND", {
    message: "there is no state there",
    hint: "Name the place where runs are kept with --outputs-root DIR.",
    details: { outputs_root: outputsRoot },
  });
}

/** The one scope that is meant. @throws AkcError RUN_NOT_FOUND, RUN_AMBIGUOUS with all that there are */
export async function oneScope(io: Io, where: Where): Promise<FoundScope> {
  const [first, ...others] = await scopesOf(io, where);
  if (first !== undefined && others.length === 0) return first;
  throw new AkcError("RUN_AMBIGUOUS", {
    message: "there are several states there",
    hint: "Name one with --tenant-id and --repo-id.",
    details: { scopes: [first, ...others].map((scope) => `${scope?.tenantId}/${scope?.repoId}`) },
  });
}

/** A file or folder named by a flag. @throws AkcError USAGE */
export function place(flag: string, text: string): string {
  if (text.trim() !== "" && !text.includes("\0")) return resolve(text);
  throw new AkcError("USAGE", { message: `${flag} needs a name` });
}
