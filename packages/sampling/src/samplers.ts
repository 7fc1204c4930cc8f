import { ddimSampler } from "./ddimSampler.ts";
import { ddpmFromConfig } from "./ddpm.ts";
import { dpmSolverFromConfig } from "./dpmSolver.ts";
import { eulerFromConfig } from "./euler.ts";
import { eulerAncestralFromConfig } from "./eulerAncestral.ts";
import { lcmFromConfig } from "./lcm.ts";
import { pndmFromConfig } from "./pndm.ts";
import { progressiveDistillationFromConfig } from "./progressiveDistillation.ts";
import type { MakeSampler, Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";
import { ufogenFromConfig } from "./ufogen.ts";

/** `make` with some fields of the config given. */
const having =
  (make: MakeSampler, fields: SamplerConfig): MakeSampler =>
  (config, steps, options) =>
    make({ ...config, ...fields }, steps, options);
const karras = { use_karras_sigmas: true };
const dpmpp = having(dpmSolverFromConfig, { algorithm_type: "dpmsolver++", solver_order: 2 });
const dpmppSde = having(dpmSolverFromConfig, { algorithm_type: "sde-dpmsolver++", solver_order: 2 });

/** The samplers by the names people know: `samplers[name](config, steps)` is ready to run on any scheduler config. */
export const samplers = {
  ddim: ddimSampler,
  ddpm: ddpmFromConfig,
  pndm: pndmFromConfig,
  euler: eulerFromConfig,
  euler_karras: having(eulerFromConfig, karras),
  euler_a: eulerAncestralFromConfig,
  dpmpp_2m: dpmpp,
  dpmpp_2m_karras: having(dpmpp, karras),
  dpmpp_2m_sde: dpmppSde,
  dpmpp_2m_sde_karras: having(dpmppSde, karras),
  dpmpp_3m: having(dpmSolverFromConfig, { algorithm_type: "dpmsolver++", solver_order: 3 }),
  lcm: lcmFromConfig,
  ufogen: ufogenFromConfig,
  progressive_distillation: progressiveDistillationFromConfig,
} satisfies Record<string, MakeSampler>;

export type SamplerName = keyof typeof samplers;

/** The same by diffusers' class names, each following its config in everything. */
const classes: Record<string, MakeSampler> = {
  DDIMScheduler: ddimSampler,
  DDPMScheduler: ddpmFromConfig,
  PNDMScheduler: pndmFromConfig,
  EulerDiscreteScheduler: eulerFromConfig,
  EulerAncestralDiscreteScheduler: eulerAncestralFromConfig,
  DPMSolverMultistepScheduler: dpmSolverFromConfig,
  LCMScheduler: lcmFromConfig,
  UFOGenScheduler: ufogenFromConfig,
};

/**
 * The sampler that a checkpoint's `scheduler_config.json` names in `_class_name`.
 *
 * @throws RangeError if it names none, or one that is not known here
 */
export function samplerFromConfig(config: SamplerConfig, steps: number, options?: SamplerOptions): Sampler {
  const name = config._class_name ?? "";
  if (Object.hasOwn(classes, name)) return classes[name](config, steps, options);
  throw new RangeError(
    `samplerFromConfig: _class_name "${name}" is unknown. Known: ${Object.keys(classes).join(", ")}; or use samplers.`,
  );
}
