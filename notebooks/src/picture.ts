/** Pixels as a picture with crisp edges, `scale` times as large. */
export function picture(
  {
    width,
    height,
    data,
  }: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray<ArrayBuffer> },
  caption = "",
  scale = 3,
): HTMLElement {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.style.width = `${scale * width}px`;
  canvas.getContext("2d")!.putImageData(new ImageData(data, width, height), 0, 0);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", caption);
  const figure = document.createElement("figure");
  figure.append(canvas, Object.assign(document.createElement("figcaption"), { textContent: caption }));
  return figure;
}

/** Elements side by side, as many as fit. */
export function row(...elements: readonly Element[]): HTMLElement {
  const element = document.createElement("div");
  element.className = "row";
  element.append(...elements);
  return element;
}
