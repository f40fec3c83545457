/**
 * The console of a plugin's process: all that it prints becomes lines of the plugin's log, with a level.
 * What is printed before anybody listens goes to stderr; nothing ever reaches stdout.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogSink = (level: LogLevel, message: string) => void;

let sink: LogSink | undefined;
let taken = false;

/** From now on `console` never prints to stdout. Call it before the plugin's own modules are loaded; again, it does nothing. */
export function takeConsole(): void {
  if (taken) return;
  taken = true;
  const { error } = console;
  const toStderr: LogSink = (_level, message) => error.call(console, message);
  sink ??= toStderr;
  Object.assign(console, methods());
}

/** From now on `console` prints to this listener. */
export function listenToConsole(listener: LogSink): void {
  sink = listener;
}

function say(level: LogLevel, words: readonly unknown[]): void {
  sink?.(level, formatted(words));
}

function methods() {
  const at =
    (level: LogLevel) =>
    (...words: unknown[]) =>
      say(level, words);
  const nothing = () => undefined;
  const counts = new Map<string, number>();
  const starts = new Map<string, number>();
  const elapsed = (label: string) =>
    `${label}: ${(performance.now() - (starts.get(label) ?? 0)).toFixed(3)} ms`;
  return {
    log: at("info"),
    info: at("info"),
    dir: (value: unknown) => say("info", [value]),
    dirxml: at("info"),
    table: (value: unknown) => say("info", [value]),
    group: at("info"),
    groupCollapsed: at("info"),
    groupEnd: nothing,
    clear: nothing,
    debug: at("debug"),
    trace: (...words: unknown[]) => say("debug", [...words, new Error("trace").stack]),
    warn: at("warn"),
    error: at("error"),
    assert: (holds?: unknown, ...words: unknown[]) => {
      if (!holds) say("error", ["Assertion failed", ...words]);
    },
    count: (label = "default") => {
      counts.set(label, (counts.get(label) ?? 0) + 1);
      say("info", [`${label}: ${counts.get(label)}`]);
    },
    countReset: (label = "default") => void counts.delete(label),
    time: (label = "default") => void starts.set(label, performance.now()),
    timeLog: (label = "default", ...words: unknown[]) => say("info", [elapsed(label), ...words]),
    timeEnd: (label = "default") => {
      say("info", [elapsed(label)]);
      starts.delete(label);
    },
  };
}

/** As a console would: text as it is, `%s` and the like filled in, errors with their stack, the rest as JSON where it can be. */
function formatted(words: readonly unknown[]): string {
  const [first, ...rest] = words;
  if (typeof first !== "string" || !first.includes("%")) return words.map(shown).join(" ");
  const filled = first.replaceAll(/%[sdifjoOc%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (rest.length === 0) return mark;
    const word = rest.shift();
    return mark === "%c" ? "" : shown(word);
  });
  return [filled, ...rest.map(shown)].join(" ");
}

function shown(word: unknown): string {
  if (typeof word === "string") return word;
  if (word instanceof Error) return stackOf(word);
  if (typeof word !== "object" || word === null) return String(word);
  const seen = new Set<unknown>();
  try {
    return (
      JSON.stringify(word, (_key, value: unknown) => {
        if (typeof value === "bigint") return `${value}n`;
        if (value instanceof Error) return stackOf(value);
        if (value instanceof Map) return Object.fromEntries(value);
        if (value instanceof Set) return [...value];
        if (typeof value !== "object" || value === null) return value;
        if (seen.has(value)) return "[seen before]";
        seen.add(value);
        return value;
      }) ?? String(word)
    );
  } catch {
    return String(word);
  }
}

const causesMax = 5;

/** Message and stack, with what caused it. */
export function stackOf(cause: unknown): string {
  const texts: string[] = [];
  for (
    let one = cause;
    one !== undefined && texts.length < causesMax;
    one = one instanceof Error ? one.cause : undefined
  ) {
    texts.push(one instanceof Error ? withMessage(one) : String(one));
  }
  return texts.join("\ncaused by: ");
}

/** Some engines' stacks begin with the message, others' do not. */
function withMessage(error: Error): string {
  const head = `${error.name}: ${error.message}`;
  const stack = error.stack ?? "";
  return stack.includes(error.message) ? stack : `${head}\n${stack}`;
}
