export { chart, colours } from "./chart.ts";
export { finding } from "./finding.ts";
export { medianMs } from "./medianMs.ts";
export { picture, row } from "./picture.ts";
export { folded, frameOf, newestRun, rowsOf } from "./results.ts";
export { slider } from "./slider.ts";
export { table } from "./table.ts";
export { text } from "./text.ts";
