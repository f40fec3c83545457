/** Makes databases one after the other in the folder that it is given: `0.sqlite3`, `1.sqlite3` and so on. */
import { join } from "node:path";
import { closeConnection, openWriter } from "../../src/store/sqlite/connection.ts";

const [folder = "", count = "0"] = process.argv.slice(2);
for (let at = 0; at < Number(count); at += 1) closeConnection(openWriter(join(folder, `${at}.sqlite3`)));
