import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Binding } from "../bindings/model.ts";
import { groupOf, groupsOfLanes, inOrder } from "./order.ts";

const device = (id: string, operation: string, deviceId?: string): Binding =>
  of(id, "android_helper", { operation, ...(deviceId === undefined ? {} : { device_id: deviceId }) });

function of(id: string, kind: string, settings: Binding["settings"] = {}): Binding {
  return { id, kind, settings, timeoutMs: 1, tries: 1, dryRun: false, paths: [], secrets: [], line: 1 };
}

const ids = (groups: ReturnType<typeof groupsOfLanes>) =>
  groups.map((lanes) => lanes.map((lane) => lane.map(({ id }) => id)));

test("devices are prepared first, then journeys, captures, and all others", () => {
  const bindings = [
    of("q", "promql_query"),
    device("shot", "screenshot"),
    of("flow", "maestro_flow"),
    device("z-install", "install"),
    of("b-boot", "ios_simulator_helper", { operation: "boot" }),
    of("disk", "acme_disk"),
  ];
  expect(inOrder(bindings).map(({ id }) => id)).toEqual(["b-boot", "z-install", "flow", "shot", "disk", "q"]);
});

test("what uses one device goes one after the other by id, what uses others beside it", () => {
  const bindings = [
    device("c", "screenshot", "emu-2"),
    device("b", "screenshot", "emu-1"),
    device("a", "logcat_export", "emu-1"),
  ];
  expect(ids(groupsOfLanes(bindings))).toEqual([[["a", "b"], ["c"]]]);
});

test("a device that is not named may be any, so everything on its platform waits for it", () => {
  const bindings = [
    device("a", "screenshot", "emu-1"),
    device("b", "screenshot"),
    of("i", "ios_simulator_helper", { operation: "screenshot", device_id: "booted" }),
  ];
  expect(ids(groupsOfLanes(bindings))).toEqual([[["a", "b"], ["i"]]]);
});

test("every binding is in exactly one lane, groups rise, and no device is in two lanes of a group", () => {
  const any = fc
    .uniqueArray(
      fc.tuple(
        fc.string({ maxLength: 3 }),
        fc.constantFrom("emu-1", "emu-2", undefined),
        fc.constantFrom("install", "screenshot"),
      ),
      {
        selector: ([id]) => id,
      },
    )
    .map((rows) => rows.map(([id, deviceId, operation]) => device(id, operation, deviceId)));
  fc.assert(
    fc.property(any, (bindings) => {
      const groups = groupsOfLanes(bindings);
      expect(
        groups
          .flat(2)
          .map(({ id }) => id)
          .sort(),
      ).toEqual(bindings.map(({ id }) => id).sort());
      const order = groups.map(([lane]) => (lane?.[0] === undefined ? -1 : groupOf(lane[0])));
      expect(order).toEqual([...order].sort());
      for (const lanes of groups) {
        const vague = lanes.flat().some(({ settings }) => settings["device_id"] === undefined);
        if (vague) expect(lanes).toHaveLength(1);
        const devices = lanes.map((lane) => new Set(lane.map(({ settings }) => settings["device_id"])));
        const all = devices.flatMap((names) => [...names]);
        expect(new Set(all).size).toBe(all.length);
      }
    }),
  );
});
