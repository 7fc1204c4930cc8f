import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Vectors of a row that a lane keeps. */
const mostKept = 40;

/** One subgroup per row, which is read once and kept: mean, then squares about it, then the result. No barriers. */
export const subgroups = wgslKernel({
  name: "layerNorm.subgroups",
  accepts(node, { caps: { subgroupSize } }) {
    const { e } = node.op.dims(node);
    if (subgroupSize === undefined) return "subgroups are not there, or of no fixed size";
    if (e % 4 !== 0 || node.shape.length === 4) return "its rows are not in fours";
    return ceilDiv(e, 4 * subgroupSize) <= mostKept || `rows of ${e} are too long to keep`;
  },
  wide: () => ["x", "weight", "bias", "y"],
  ordered: () => 1,
  workgroups: ({ b }) => b,
  enables: () => ["subgroups"],
  source({ header, dims: { e }, context: { caps } }) {
    const lanes = caps.subgroupSize!;
    const kept = ceilDiv(e, 4 * lanes);
    /** A statement for each vector that the lane keeps, where the row is that long. */
    const each = (statement: (k: number, at: string) => string): string =>
      Array.from({ length: kept }, (_, k) => {
        const at = `first + ${4 * lanes * k}`;
        const ends = 4 * lanes * (k + 1) > e;
        return ends ? `if (${at} < e) { ${statement(k, at)} }` : statement(k, at);
      }).join("\n");
    return wgsl`
      ${header}

      @compute @workgroup_size(${lanes})
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
        let row = workgroup_index(id);
        if (row >= b) { return; }
        let first = i32(lane) * 4;
        ${Array.from({ length: kept }, (_, k) => `var x${k} = vec4f();`).join(" ")}
        var sums = vec4f();
        ${each((k, at) => `x${k} = x_at4(row * e + ${at}); sums += x${k};`)}
        let mean = subgroupAdd(dot(sums, vec4f(1))) / f32(e);
        var squares = vec4f();
        ${each((k) => `x${k} -= mean; squares += x${k} * x${k};`)}
        let rstd = inverseSqrt(subgroupAdd(dot(squares, vec4f(1))) / f32(e) + eps);
        ${each((k, at) => `write4_y(row, ${at}, x${k} * rstd * weight_at4(${at}) + bias_at4(${at}));`)}
      }`;
  },
});
