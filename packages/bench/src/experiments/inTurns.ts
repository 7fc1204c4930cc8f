/**
 * Samples, in milliseconds, of several things that run in turns of about the same time each: what takes less time than the
 * first is run more often. What each takes at first only warms up.
 */
export async function inTurns(
  things: readonly { run(): Promise<number> }[],
  rounds: number,
  onRound: (round: number) => void = () => {},
): Promise<readonly (readonly number[])[]> {
  const first: number[] = [];
  for (const thing of things) first.push(await thing.run());
  const samples = things.map((): number[] => []);
  for (let round = 1; round <= rounds; round++) {
    onRound(round);
    for (const [i, thing] of things.entries())
      for (let left = Math.max(1, Math.round(first[0] / first[i])); left > 0; left--)
        samples[i].push(await thing.run());
  }
  return samples;
}
