/** A controller that asks its hook and waits, to be killed meanwhile. What it is asked stands on its standard input. */
import { createRecompiler } from "../../src/autopilot/recompile/recompiler.ts";

const { outputsRoot, asked } = await Bun.stdin.json();
const recompiler = createRecompiler({ env: process.env, outputsRoot });
await recompiler.recompile(asked, new AbortController().signal);
