/** Every optimisation, one key each: ablation tables and `--without` enumerate this record. */
export interface Options {
  /** Graph passes by name. */
  readonly passes: Readonly<Record<PassName, boolean>>;
  /**
   * Kernels by name: `false` forbids one, so that the next of its ladder is taken. The op may be left out (`winograd4`
   * for `conv2d.winograd4`). Those that have a slower one below them:
   * - `winograd4`: 3×3 convolutions at stride 1 with a quarter of the multiplications;
   * - `winograd2`: the same with 1 / 2.25 of them, where pictures are too small, or channels too few, for `winograd4`;
   * - wasm: `conv2d.gemm[2x16]`, `linear.gemm[2x16]`: matrix products with packed weights;
   * - wasm: `depthwise`: convolutions with one filter per channel;
   * - webgpu: `implicitGemmSubgroups`, `tiledSubgroups`: matrix products whose operands subgroups hand around.
   */
  readonly kernels: Readonly<Record<string, boolean>>;
  readonly dtype: {
    /** How matrices are kept on the device: as the checkpoint stores them, or all as f32 or f16. */
    readonly weights: "stored" | "f32" | "f16";
  };
  /** `greedy` lets tensors that are never alive together share memory; `naive` gives each its own. */
  readonly memory: "greedy" | "naive";
  /** Multiply-adds in one step where the wasm backend finds relaxed SIMD; results differ in the last bits. */
  readonly fma: boolean;
}

export type PassName = "simplify" | "absorb" | "geglu" | "groupNorm";

export const defaultOptions: Options = {
  passes: {
    /** Drops dead code and repeated subexpressions. */
    simplify: true,
    /** Lets pointwise work ride in the kernel that writes its operand: bias, time embedding, activation, residual. */
    absorb: true,
    /** Gated linear units in one kernel, where the backend has one: the projection is never in memory, or not cut in half there. */
    geglu: true,
    /** Group norm in one kernel, where the backend has one: statistics are never in memory if a group is small. */
    groupNorm: true,
  },
  kernels: {},
  dtype: { weights: "stored" },
  memory: "greedy",
  fma: true,
};

/** The default options with the named optimisations off: pass names, kernel names, `greedy` or `fma`. */
export function without(...names: string[]): Options {
  const passes = { ...defaultOptions.passes };
  const kernels: Record<string, boolean> = {};
  let { memory, fma } = defaultOptions;
  for (const name of names)
    if (name in passes) passes[name as PassName] = false;
    else if (name === "greedy") memory = "naive";
    else if (name === "fma") fma = false;
    else kernels[name] = false;
  return { ...defaultOptions, passes, kernels, memory, fma };
}
