/** A slider for `view`: a label, and the value beside it. */
export function slider(
  label: string,
  { min, max, value, step = 1, unit = "" }: { min: number; max: number; value: number; step?: number; unit?: string },
): HTMLElement & { value: number } {
  const input = Object.assign(document.createElement("input"), { type: "range" });
  Object.assign(input, { min, max, step });
  input.valueAsNumber = value;
  const output = document.createElement("output");
  const element = Object.assign(document.createElement("label"), { className: "slider", value });
  const show = () => (output.textContent = `${input.value}${unit && ` ${unit}`}`);
  show();
  element.append(label, input, output);
  input.addEventListener("input", () => {
    element.value = input.valueAsNumber;
    show();
  });
  return element;
}
