import { editedPixels, openEditSession, type Edit, type EditResult, type EditSessionOptions } from "./editSession.ts";
import type { StableDiffusion } from "./stableDiffusion.ts";

export interface EditOptions extends EditSessionOptions, Pick<Edit, "mask" | "compare"> {
  /** The picture, drawn on. */
  readonly edited: NonNullable<Edit["edited"]>;
}

/**
 * One edit of one picture, computing only what it touches: see `openEditSession`, which does many. Nothing is cached
 * unless there is a budget for it, since nothing is used twice.
 *
 * @throws {PipelineError} for pictures of different sizes, or an edit that changes nothing
 */
export async function editSparse(sd: StableDiffusion, options: EditOptions): Promise<EditResult> {
  const { image, edited, mask, compare, cacheBudget = 0, onProgress, signal } = options;
  editedPixels(image, { edited, mask }); // refused before anything is loaded
  const session = await openEditSession(sd, { ...options, cacheBudget });
  try {
    return await session.edit({ edited, mask, compare, onProgress, signal });
  } finally {
    session.dispose();
  }
}
