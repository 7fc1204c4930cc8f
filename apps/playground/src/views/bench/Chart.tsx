import type { ECharts } from "echarts/core";
import { useEffect, useRef } from "preact/hooks";
import { theme } from "../../ThemeSelect.tsx";
import type { Plot } from "./charts.ts";

/** A plot that follows the page's width and colours. The numbers are in the table beside it. */
export function Chart({ plot, label }: { plot: Plot; label: string }) {
  const element = useRef<HTMLDivElement>(null);
  const chart = useRef<Promise<ECharts>>(null);
  useEffect(() => {
    const here = element.current!;
    const made = (chart.current = import("./echarts.ts").then(({ init }) => init(here)));
    const observer = new ResizeObserver(() => void made.then((drawn) => drawn.resize()));
    observer.observe(here);
    return () => {
      observer.disconnect();
      void made.then((drawn) => drawn.dispose());
    };
  }, []);
  useEffect(() => {
    const draw = () => {
      const { color, fontFamily } = getComputedStyle(element.current!);
      const textStyle = { color, fontFamily };
      const [teal, gold] = ["#2a9d8f", "#e0a83e"];
      const axis = { axisLabel: { color }, splitLine: { lineStyle: { color, opacity: 0.2 } } };
      const { xAxis, yAxis, legend, ...option } = plot.option as Record<string, object>;
      const text = { xAxis: { ...axis, ...xAxis }, yAxis: { ...yAxis, ...axis }, legend: { ...legend, textStyle } };
      const all = { animation: false, color: [teal, gold], textStyle, ...option, ...text };
      void chart.current?.then((drawn) => (drawn.resize(), drawn.setOption(all, true)));
    };
    draw();
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", draw);
    return () => system.removeEventListener("change", draw);
  }, [plot, theme.value]);
  return (
    <div class="plot" ref={element} role="img" aria-label={label} style={{ height: `${60 + 36 * plot.rows}px` }} />
  );
}
