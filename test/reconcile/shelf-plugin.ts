/** A provider with everything that the protocol has for one: drawers, as files of a folder. Its files, as texts. */
export const shelfManifest = `schema: akc.plugin/v1
id: test/shelf
version: 1.0.0
kind: provider
api: 1
runtime: bun
entry: index.ts
capabilities:
  provider: { shelf: [observe, apply, delete, diff, watch, observe_all] }
config:
  type: object
  properties: { folder: { type: string } }
`;

export const shelfCases = `settings: { folder: "\${scratch}" }
providers:
  shelf:
    - name: a drawer
      resource_id: one
      resource_class: drawer
      intent: { size: 1 }
      changed: { size: 2 }
      fields: { size: 1 }
`;

export const shelf = `
import { definePlugin, failed } from "akc/sdk";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
const at = (settings, id) => settings.folder + "/" + id + ".json";
const see = (settings, id) => {
  if (existsSync(at(settings, id) + ".closed")) throw failed("the drawer is locked", { retryable: true });
  if (!existsSync(at(settings, id))) return { exists: false, health: "unknown" };
  const { scope, hash, ...fields } = JSON.parse(readFileSync(at(settings, id), "utf8"));
  return { exists: true, health: "healthy", version: Bun.hash(JSON.stringify(fields)).toString(16), fields, scope };
};
const note = ({ settings }, word) => appendFileSync(settings.folder + "/calls", word + "\\n");
export default definePlugin({
  providers: {
    shelf: {
      observe({ resourceId }, call) { note(call, "observe"); return see(call.settings, resourceId); },
      observeAll(resources, call) {
        note(call, "observe_all");
        const others = readdirSync(call.settings.folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
        const ids = new Set([...resources.map(({ resourceId }) => resourceId), ...others]);
        return [...ids].filter((id) => id !== "forgotten").map((resourceId) => {
          try { return { resourceId, resourceClass: "drawer", observed: see(call.settings, resourceId) }; }
          catch (cause) { return { resourceId, unobservable: cause.message }; }
        });
      },
      diff({ intent }, { fields = {} }, call) {
        note(call, "diff");
        const changes = [];
        if (intent.size !== fields.size) changes.push({ path: "/size", from: fields.size, to: intent.size });
        if ((intent.tags ?? []).join() !== (fields.tags ?? []).join()) changes.push({ path: "/tags/0", to: intent.tags?.[0] });
        return changes;
      },
      apply({ resourceId, intent }, { scope, expectedVersion }, call) {
        if (expectedVersion !== undefined && see(call.settings, resourceId).version !== expectedVersion)
          throw failed("somebody else changed it", { code: "VERSION_CONFLICT" });
        writeFileSync(at(call.settings, resourceId), JSON.stringify({ size: intent.size, tags: intent.tags, colour: "oak", scope }));
        return see(call.settings, resourceId);
      },
      delete({ resourceId }, _change, call) { rmSync(at(call.settings, resourceId), { force: true }); return see(call.settings, resourceId); },
      async watch(cursor, { settings, signal }) {
        for (;;) {
          if (signal.aborted) throw failed("ended");
          const ids = readdirSync(settings.folder).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
          const now = ids.map((id) => id + Bun.hash(readFileSync(at(settings, id)))).join();
          if (cursor === undefined) cursor = now;
          if (now !== cursor) return { changed: ids, cursor: now };
          await Bun.sleep(5);
        }
      },
    },
  },
});
`;
