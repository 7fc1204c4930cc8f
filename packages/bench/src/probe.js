// What a thread of the probe does. Plain JavaScript, so that it loads unchanged from sources, from a build and through a
// bundler.

/** @param {readonly Uint8Array<ArrayBuffer>[]} codes modules of multiply-adds */
export function probe(codes) {
  const loops = codes.map((code) => new WebAssembly.Instance(new WebAssembly.Module(code)).exports.run);
  const [from, to] = [new Uint8Array(2 ** 26).fill(1), new Uint8Array(2 ** 26)];
  /** @param {{ loop: number, rounds: number, copies: number }} work */
  return ({ loop, rounds, copies }) => {
    // By the first copies all threads are awake, each on a processor of its own.
    for (let i = 0; i < Math.min(2, copies); i++) to.set(from);
    const begin = performance.timeOrigin + performance.now();
    if (rounds) /** @type {(n: number) => number} */ (loops[loop])(rounds);
    for (let i = 0; i < copies; i++) to.set(from);
    return { begin, end: performance.timeOrigin + performance.now() };
  };
}
