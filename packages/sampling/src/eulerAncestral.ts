import { type SigmaOptions, sigmaSampler, sigmaSteps } from "./euler.ts";
import type { LinearStep } from "./sampleLinear.ts";
import type { Sampler, SamplerConfig, SamplerOptions } from "./sampler.ts";

/**
 * Euler's method with ancestral sampling (`sample_euler_ancestral` of k-diffusion): a step below the next σ, to
 * σ_down = √(σ'² − σ_up²), and noise back up to it, σ_up = σ'·√(σ² − σ'²)/σ: the deviation of DDPM's posterior
 * (Song et al. 2021, eq. 16 with η = 1) in terms of σ.
 */
export function eulerAncestral(options: SigmaOptions): LinearStep[] {
  return sigmaSteps(options, (sigma, next) => {
    const up = (next * Math.sqrt(sigma ** 2 - next ** 2)) / sigma;
    return { to: Math.sqrt(next ** 2 - up ** 2), noise: up };
  });
}

/** Euler with ancestral sampling as diffusers' `EulerAncestralDiscreteScheduler` takes its steps. */
export function eulerAncestralFromConfig(config: SamplerConfig, steps: number, options?: SamplerOptions): Sampler {
  return sigmaSampler(eulerAncestral, { ...config, use_karras_sigmas: false }, steps, options);
}
