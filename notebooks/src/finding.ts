/** A sentence that the data bears out. Where the data no longer does, this throws, and the notebook's test fails. */
export function finding(sentence: string, holds: boolean): HTMLElement {
  if (!holds) throw new Error(`This finding no longer holds: ${sentence}`);
  const element = document.createElement("p");
  element.className = "finding";
  element.textContent = sentence;
  return element;
}
