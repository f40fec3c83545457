/** Writes what `akc service install` would write by default to deploy/systemd: the unit and the configuration to begin with. */
import { join } from "node:path";
import { exampleConfig, examplePlaces } from "../src/service/example-config.ts";
import { defaultUnit, renderUnit, unitName } from "../src/service/unit.ts";

const folder = join(import.meta.dir, "../deploy/systemd");
await Bun.write(join(folder, unitName), renderUnit(defaultUnit));
await Bun.write(join(folder, "autopilot.example.yaml"), exampleConfig(examplePlaces("system", "/root", 0)));
