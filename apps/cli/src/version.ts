import { createRequire } from "node:module";

/** This program's version. */
export const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
