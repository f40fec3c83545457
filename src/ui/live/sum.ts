/** A short digest of a part of a page, by which both ends know whether it has changed. Nobody is kept from anything by it. */
import type { Markup } from "../../picture/html/markup.ts";

export function sumOf({ markup }: Markup): string {
  return Bun.hash(markup).toString(36);
}
