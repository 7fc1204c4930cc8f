import { DeviceLostError } from "@tessera/kernels";

/** Does the work; if the device is lost meanwhile, once more on the one in its place, when what was on it is forgotten. */
export async function persist<T>(work: () => Promise<T>, forget: () => void | Promise<void>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DeviceLostError)) throw error;
    await forget();
    return work();
  }
}
