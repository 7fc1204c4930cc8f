/** numpy's round: halves go to the even neighbour. */
function round(value: number): number {
  const nearest = Math.round(value);
  return nearest - value === 0.5 && nearest % 2 ? nearest - 1 : nearest;
}

/** Each: `count` timesteps of `total`, counted by `i` from the noisiest (i = 0) to the cleanest. */
const spacings = {
  leading: (i: number, count: number, total: number, offset: number) =>
    (count - 1 - i) * Math.floor(total / count) + offset,
  linspace: (i: number, count: number, total: number) =>
    count === 1 ? 0 : round((count - 1 - i) * ((total - 1) / (count - 1))),
  // numpy's arange steps by the difference of its first two values, not by the step it was given
  trailing: (i: number, count: number, total: number) => round(total + i * (total - total / count - total)) - 1,
};

/** How the timesteps are spread over the noise levels (Lin et al. 2024, table 2). */
export type TimestepSpacing = keyof typeof spacings;

/**
 * The timesteps a sampler visits, descending, as diffusers' DDIM picks them: `count` of the `total` noise levels the model
 * was trained on. `offset` (the config's `steps_offset`) belongs to the leading spacing only. One difference: for some
 * counts (61 of 1000, say) rounding gives diffusers' trailing spacing an extra timestep −1; here it is always `count`.
 *
 * @throws RangeError for an unknown spacing, a count outside 1…total, or an offset that leaves the schedule
 */
export function timesteps(count: number, { total = 1000, spacing = "leading" as string, offset = 0 } = {}): number[] {
  if (!Object.hasOwn(spacings, spacing)) {
    const known = Object.keys(spacings).join(", ");
    throw new RangeError(`timesteps: timestep_spacing "${spacing}" is unknown. Known: ${known}.`);
  }
  if (!(Number.isInteger(count) && count >= 1 && count <= total)) {
    throw new RangeError(`timesteps: the number of steps must be a whole number in 1…${total}, got ${count}.`);
  }
  const list = Array.from({ length: count }, (_, i) => spacings[spacing as TimestepSpacing](i, count, total, offset));
  if (list[0] >= total) {
    throw new RangeError(
      `timesteps: ${count} steps with steps_offset ${offset} begin at ${list[0]}, but the last noise level is ${total - 1}. ` +
        `Use fewer steps.`,
    );
  }
  return list;
}
