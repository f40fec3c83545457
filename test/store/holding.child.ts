/** Holds the write lock of a database from `hold` until `let go`, and does nothing for so many milliseconds at `wait MS`. */
import { Database } from "bun:sqlite";

const [path = ""] = process.argv.slice(2);
const db = new Database(path, { strict: true });
db.run("PRAGMA busy_timeout = 5000");
for await (const line of console) {
  if (line === "hold") db.run("BEGIN IMMEDIATE");
  else if (line === "let go") db.run("COMMIT");
  else await Bun.sleep(Number(line.split(" ")[1]));
  console.log(line);
}
