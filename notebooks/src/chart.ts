import Plotly from "plotly.js-dist-min";
import type { Data, Layout } from "plotly.js-dist-min";

/** Okabe and Ito's colours, which most eyes tell apart. */
export const colours = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#7f7f7f",
  "#000000",
] as const;

const style: Partial<Layout> = {
  height: 380,
  margin: { l: 64, r: 16, t: 40, b: 52 },
  font: { family: "Inter Variable, sans-serif", size: 13 },
  colorway: [...colours],
  hovermode: "closest",
  legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
  xaxis: { zeroline: false, automargin: true },
  yaxis: { zeroline: false, automargin: true },
};

/** Layouts merged two levels deep, as far as axes and margins need it. */
const merged = (layout: Partial<Layout>): Partial<Layout> => {
  const one = style as Record<string, unknown>;
  const isRecord = (x: unknown) => typeof x === "object" && x !== null && !Array.isArray(x);
  const own = Object.entries(layout).map(([key, value]) => [
    key,
    isRecord(value) && isRecord(one[key]) ? { ...(one[key] as object), ...(value as object) } : value,
  ]);
  return { ...style, ...Object.fromEntries(own) };
};

/** A plot in the style of these notebooks. It draws itself once it is on the page, and again as the page's width changes. */
export function chart(data: readonly Data[], layout: Partial<Layout> = {}): HTMLElement {
  const element = document.createElement("div");
  element.className = "chart";
  const { height } = { ...style, ...layout };
  element.style.height = `${height}px`;
  let drawn: Promise<unknown> | undefined;
  new ResizeObserver(() => {
    if (!element.clientWidth) return;
    drawn = drawn
      ? drawn.then(() => Plotly.Plots.resize(element))
      : Plotly.newPlot(element, [...data], merged(layout), { displayModeBar: false, responsive: false });
  }).observe(element);
  return element;
}
