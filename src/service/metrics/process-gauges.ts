/**
 * What the process itself costs, under the names that Prometheus clients agree on, and how late its event loop is. Reads /proc and
 * the runtime's own counters; starts nothing but one timer.
 */
import { readdirSync, readFileSync } from "node:fs";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import { gauge, histogram } from "./instruments.ts";
import type { Family } from "./model.ts";

export interface ProcessGauges {
  families(): readonly Family[];
  close(): void;
}

export function processGauges(clock: Clock, startedAtMs: number): ProcessGauges {
  const lag = histogram(
    {
      name: "akc.event_loop.lag",
      help: "How late a timer of the event loop was, looked at once a second.",
      unit: "s",
      labels: [],
    },
    lagBounds,
  );
  let dueAt = clock.monotonicMs() + limits.loopLagEveryMs;
  const timer = setInterval(() => {
    const now = clock.monotonicMs();
    lag.observe({}, Math.max(0, now - dueAt) / 1_000);
    dueAt = now + limits.loopLagEveryMs;
  }, limits.loopLagEveryMs);
  timer.unref();
  return {
    families: () => [...ofProcess(startedAtMs), lag.family()],
    close: () => clearInterval(timer),
  };
}

const lagBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

function ofProcess(startedAtMs: number): readonly Family[] {
  const { user, system } = process.cpuUsage();
  const one = (value: number | undefined) => (value === undefined ? [] : [{ labels: {}, value }]);
  return [
    {
      name: "process.cpu",
      help: "User and system time that the process has used.",
      unit: "s",
      kind: "counter",
      series: one((user + system) / 1e6),
    },
    gauge(
      { name: "process.resident_memory", help: "Memory of the process that is resident.", unit: "By" },
      one(process.memoryUsage.rss()),
    ),
    gauge({ name: "process.open_fds", help: "Open file descriptors." }, one(openFds())),
    gauge({ name: "process.max_fds", help: "File descriptors that it may open." }, one(maxFds())),
    gauge(
      { name: "process.start_time", help: "When the process began, since the epoch.", unit: "s" },
      one(startedAtMs / 1_000),
    ),
  ];
}

/** Without the one that looking needs. */
function openFds(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return undefined;
  }
}

function maxFds(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
