/** Text as it is, in the font of code. */
export function text(content: string): HTMLElement {
  const element = document.createElement("pre");
  element.className = "output";
  element.textContent = content;
  return element;
}
