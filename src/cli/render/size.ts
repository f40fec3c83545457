/** Sizes as every command writes them. Programs get bytes. */
export { byteSize } from "../../system/figures.ts";
