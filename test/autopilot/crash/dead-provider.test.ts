/**
 * The engine that a scope deploys to is gone for a while: nobody can tell what stands there. The built binary says so, takes nothing for
 * drift and changes nothing; the other scopes are kept meanwhile; and when the engine is back, what did drift is mended.
 */
import { afterAll, expect, test } from "bun:test";
import { rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { ScopeId } from "../../../src/autopilot/model.ts";
import { Releases, siteIn } from "../../e2e/releases.ts";
import { changing } from "../../e2e/services.ts";
import { acquireDocker } from "../../env/docker.ts";
import { chainFaults, fileFaults, verdictsOf } from "./judge.ts";
import { inPlace, runningOf, soon, standingServices, stop } from "./place.ts";

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

const mill: ScopeId = { tenantId: "acme", repoId: "mill" };
const [stone = ""] = runningOf(9, ["stone"]);

test.skipIf(engine === undefined)(
  "an engine that is gone is named, and nothing is taken for drift; others are kept, and it is gone on with when it is back",
  () =>
    inPlace(async (place) => {
      if (engine === undefined) throw new Error("there is no engine");
      const project = `akc-${crypto.randomUUID().slice(0, 8)}`;
      const container = `${project}-web-1`;
      const socket = join(place.outputsRoot, "../engine.sock");
      const connect = () => symlinkSync((engine.env["DOCKER_HOST"] ?? "").replace(/^unix:\/\//, ""), socket);
      const env = { ...engine.env, DOCKER_HOST: `unix://${socket}` };
      connect();
      try {
        const releases = new Releases(
          siteIn(place.shop.world),
          { kind: "docker_compose_apply", project },
          env,
        );
        const service = { image: engine.image, network_mode: "none", pull_policy: "never" };
        const started = await releases.start({
          id: "v1",
          intents: [
            {
              node_id: "web",
              kind: "service",
              name: "web",
              version: 1,
              depends_on: [],
              runtime_deployment: {},
            },
          ],
          manifest: JSON.stringify({
            services: { web: { ...service, stop_grace_period: "0s", command: ["sleep", "1000"] } },
          }),
        });
        expect({ code: started.code, stderr: started.code === 0 ? "" : started.stderr }).toEqual({
          code: 0,
          stderr: "",
        });
        const other = standingServices(9, ["stone"]).with({ repo_id: mill.repoId });
        expect((await place.shop.start(await place.shop.write("stone", other))).code).toBe(0);
        await place.configure("listen: {unix: s.sock}\n");
        const controller = place.begin({ env: { ...changing, ...env } });
        await place.untilFacts("it has begun", (facts) => facts.length > 0);
        const notes = () => controller.lines().filter(({ event }) => event === "note");

        rmSync(socket);
        await soon("it is named", () =>
          notes().some(
            ({ message, repo_id }) => String(message).includes("nobody can tell") && repo_id === "shop",
          ),
        );
        const before = (await place.entries()).length;
        // It stands no more, and nobody can see it.
        await engine.docker("rm", "-f", container);
        await place.end(stone);
        await soon("the other is repaired", async () =>
          verdictsOf((await place.entries(mill)).map(({ fact }) => fact)).includes("kept"),
        );
        const { report } = await place.akc("autopilot", "status", "--config", place.config);
        const shown = JSON.stringify(report["items"]);
        expect(shown).toContain("nobody can see what stands");
        expect((await place.entries()).length).toBe(before);
        expect(await engine.docker("ps", "-q", "--filter", `name=${container}`)).toBe("");

        connect();
        await soon("what drifted is mended", async () =>
          verdictsOf((await place.entries()).map(({ fact }) => fact)).includes("kept"),
        );
        expect(await engine.docker("ps", "-q", "--filter", `name=${container}`)).not.toBe("");
        await soon("that is said", () =>
          notes().some(({ message }) => message === "what stands can be seen again"),
        );
        expect((await place.facts("attempt_started")).map(({ attempt }) => attempt.kind)).toEqual(["repair"]);
        await stop(controller);
        expect((await controller.ended).code).toBe(0);
        expect([...(await chainFaults(place)), ...(await fileFaults(place))]).toEqual([]);
        expect(await chainFaults(place, mill)).toEqual([]);
      } finally {
        await engine.docker("rm", "-f", "-v", container).catch(() => undefined);
      }
    }),
  180_000,
);
