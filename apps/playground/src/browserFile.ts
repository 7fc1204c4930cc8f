import type { TuningStore } from "@tessera/kernels";

/** A file that the browser keeps for this page's origin (OPFS), which workers can reach. */
export const browserFile = (name: string): TuningStore => ({
  name: `${name} in this browser's storage`,
  async read() {
    const folder = await navigator.storage.getDirectory();
    try {
      return await (await (await folder.getFileHandle(name)).getFile()).text();
    } catch (error) {
      if ((error as DOMException).name !== "NotFoundError") throw error;
      return undefined;
    }
  },
  async write(text) {
    const folder = await navigator.storage.getDirectory();
    const file = await (await folder.getFileHandle(name, { create: true })).createWritable();
    await file.write(text);
    await file.close(); // only now it takes the old one's place
  },
});
