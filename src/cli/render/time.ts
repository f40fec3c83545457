/** Times and lengths of time as every command writes them. Programs get milliseconds since the epoch. */
export { elapsed, instant } from "../../system/figures.ts";
