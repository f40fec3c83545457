/**
 * Which files a unit hands over to its service as credentials. Pure; it opens none of them.
 *
 * Source: systemd.exec(5), LoadCredential=; systemd.syntax(7).
 */

/** By name. @param text the unit with its drop-ins, as `systemctl cat` prints them; what is found in a store or by a specifier is left out */
export function credentialsIn(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value = ""] = /^\s*(LoadCredential(?:Encrypted)?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key === undefined) continue;
    // An empty one takes back those before it.
    if (value === "") found.clear();
    const [, name, path] = /^([^:]+):(\/[^%]*)$/.exec(value) ?? [];
    if (name !== undefined && path !== undefined) found.set(name, path);
  }
  return found;
}
