/** Logs far more than a pipe holds while nobody reads, and says on stdout that it got on all the same. */
import { createJournal, stderrSink } from "../../src/service/journal.ts";
import { systemClock } from "../../src/system/clock.ts";

const journal = createJournal({
  sink: stderrSink(),
  style: { format: "text", place: "stream", color: false, pid: process.pid },
  clock: systemClock,
  level: "info",
  secrets: () => [],
});
for (let index = 0; index < 20_000; index++) {
  journal.always({ level: "info", event: "flood", keys: { index, filler: "x".repeat(1_000) } });
  if (index % 1_000 === 0) await Bun.sleep(0);
}
process.stdout.write("logged\n");
process.stdin.once("data", () => {
  setTimeout(() => {
    journal.always({ level: "info", event: "after", keys: {} });
    setTimeout(() => process.exit(0), 200);
  }, 500);
});
