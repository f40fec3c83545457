/** Two controllers of the built binary whose leases a real Kubernetes API server keeps: the one that has it dies, the other goes on. */
import { beforeAll, expect } from "bun:test";
import { clusterOfThisFile } from "../../reconcile/kubernetes-world.ts";
import { chainFaults, fileFaults, verdictsOf } from "./judge.ts";
import { inPlace, runningOf, soon, standingServices, stop } from "./place.ts";

const { there, cluster } = clusterOfThisFile("controllers");
const namespace = "akc-controllers";

beforeAll(() => {
  try {
    cluster().kubectl(["create", "namespace", namespace]);
  } catch {
    // Where there is no cluster the test is skipped.
  }
});

there(
  "the standby takes over from one that was killed, and goes on with what that one had begun",
  () =>
    inPlace(async (place) => {
      const { kubeconfig } = cluster();
      await place.shop.start(await place.shop.write("v1", standingServices(1)), "--runtime-run-id", "r1");
      await place.shop.write("v2", standingServices(2));
      await place.configure(
        `bundle: side/v2.json\nlease: {backend: k8s, namespace: ${namespace}, kubeconfig: ${kubeconfig}, ttl: 6s, replicas: 2}\n`,
      );
      const env = { HOME: place.shop.world.side };
      const first = place.begin({
        env,
        failpoint: "reconcile.change_made:1:kill",
        flags: ["--controller-id", "one"],
      });
      await soon("the first one holds it", () => first.lines().some(({ event }) => event === "lease_held"));
      const second = place.begin({ env, flags: ["--controller-id", "two"] });
      expect((await first.ended).code).toBe(137);
      await place.untilFacts("it is kept", (facts) => verdictsOf(facts).length > 0);
      await stop(second);
      expect((await second.ended).code).toBe(0);
      const entries = await place.entries();
      expect(verdictsOf(entries.map(({ fact }) => fact))).toEqual(["kept"]);
      expect(entries.at(-1)?.writer).toStartWith("two@");
      expect([...(await chainFaults(place)), ...(await fileFaults(place))]).toEqual([]);
      await place.shop.expectRunning(runningOf(2));
      expect([place.begun("db"), place.begun("web")]).toEqual([
        ["v1", "v2"],
        ["v1", "v2"],
      ]);
      // Given back: the next one need not wait.
      const [lease] = JSON.parse(
        cluster().kubectl(["-n", namespace, "get", "leases.coordination.k8s.io", "-o", "json"]),
      ).items;
      expect(lease.spec.holderIdentity ?? "").toBe("");
    }),
  120_000,
);
