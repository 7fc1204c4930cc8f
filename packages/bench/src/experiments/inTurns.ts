/**
 * Samples, in milliseconds, of several things that run in turns of about the same time each: what takes less time than the
 * first at its best is run more often. What each takes at first only warms up: kernels may have to be compiled.
 */
export async function inTurns(
  things: readonly { run(): Promise<number> }[],
  rounds: number,
  onRound: (round: number) => void = () => {},
): Promise<readonly (readonly number[])[]> {
  for (const thing of things) await thing.run();
  const samples = things.map((): number[] => []);
  for (let round = 1; round <= rounds; round++) {
    onRound(round);
    for (const [i, thing] of things.entries()) {
      let [ms, spent] = [0, 0];
      do {
        samples[i].push((ms = await thing.run()));
        spent += ms;
      } while (spent + ms / 2 < Math.min(...samples[0]));
    }
  }
  return samples;
}
