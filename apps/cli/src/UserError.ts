/** Something that the user can put right; shown as one line. */
export class UserError extends Error {
  override readonly name = "UserError";
}
