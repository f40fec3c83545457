/** Whether a text is a bundle or a plan: what its content says, and the file's name where the content says nothing. It never opens a file. */
import { parseJson } from "../../json/read.ts";
import { isJsonObject } from "../../json/value.ts";

/** How far a broken text is searched for a bundle's own words. */
const searchedBytes = 65_536;

/**
 * JSON that is not a plan written as JSON. A broken text with a bundle's words is a broken bundle; one that has neither the words of a
 * plan nor those of a bundle (`{}`) is a plan in a file of YAML.
 * @param path as it was named
 */
export function isBundleText(text: string | Uint8Array, path: string): boolean {
  const head =
    typeof text === "string" ? text.slice(0, searchedBytes) : decode(text.subarray(0, searchedBytes));
  if (!/^\s*[{[]/.test(head)) return false;
  try {
    const value = parseJson(text);
    if (isJsonObject(value) && Object.hasOwn(value, "schema_version")) return true;
    if (/\.ya?ml$/i.test(path)) return false;
    return !isJsonObject(value) || !Object.hasOwn(value, "version");
  } catch {
    return /"schema_(version|id)"/.test(head);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
