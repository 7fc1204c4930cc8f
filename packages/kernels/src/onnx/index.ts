export { exportOnnx, type ExportOptions, type OnnxModel } from "./exportOnnx.ts";
