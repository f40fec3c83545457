/**
 * What a service mounts, by its place in the container: volumes with a name and folders of the host, secrets and configs that are
 * files. Pure. Volumes without a name are left out: the engine gives each container another.
 */
import { isAbsolute, join, normalize } from "node:path/posix";
import { objectAt, objectsAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";

/** `KIND:SOURCE:rw` or `:ro`, by the place in the container. */
export function mountsOf(config: JsonObject, own: JsonObject): JsonObject {
  const mounts: [string, string][] = [];
  for (const volume of objectsAt(own, "volumes")) {
    const source = textAt(volume, "source");
    const target = textAt(volume, "target");
    const kind = textAt(volume, "type");
    if (source === undefined || target === undefined) continue;
    const access = volume["read_only"] === true ? "ro" : "rw";
    if (kind === "bind") mounts.push([place(target), mountText("bind", place(source), access)]);
    if (kind === "volume")
      mounts.push([place(target), mountText("volume", volumeName(config, source), access)]);
  }
  for (const [kind, folder] of [
    ["secrets", "/run/secrets"],
    ["configs", "/"],
  ] as const) {
    for (const use of objectsAt(own, kind)) {
      const name = textAt(use, "source") ?? "";
      const file = textAt(objectAt(objectAt(config, kind), name), "file");
      const target = textAt(use, "target") ?? name;
      if (file === undefined) continue;
      mounts.push([
        place(isAbsolute(target) ? target : join(folder, target)),
        mountText("bind", place(file), "ro"),
      ]);
    }
  }
  return Object.fromEntries(mounts);
}

export function mountText(kind: "bind" | "volume", source: string, access: "ro" | "rw"): string {
  return `${kind}:${source}:${access}`;
}

/** Without a slash at the end or twice. */
export function place(path: string): string {
  const plain = normalize(path);
  return plain.length > 1 && plain.endsWith("/") ? plain.slice(0, -1) : plain;
}

function volumeName(config: JsonObject, source: string): string {
  const project = textAt(config, "name") ?? "";
  return textAt(objectAt(objectAt(config, "volumes"), source), "name") ?? `${project}_${source}`;
}
