import type { Row, Run } from "@tessera/bench";
import * as echarts from "echarts";

type Option = echarts.EChartsOption;
type Key = string | number;
interface Chart {
  readonly title: string;
  option(run: Run): Option;
}

const key = (row: Row, name: string): Key => row.keys?.[name] ?? "";
const rowsOf = (run: Run, table: number, quantity = ""): Row[] =>
  (run.tables[table]?.rows ?? []).filter((row) => row.ours && row.quantity.includes(quantity));
const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];
const axis = (name: string, type: "value" | "log" | "category", more: object = {}) =>
  ({ name, type, nameLocation: "middle", nameGap: type === "category" ? 34 : 46, ...more }) as object;

/** One line for each value of `by`, over `x`. */
function lines(rows: readonly Row[], x: string, by: string, y = (row: Row) => row.ours!.value): Option["series"] {
  return distinct(rows.map((row) => key(row, by))).map((name) => ({
    type: "line",
    name: String(name),
    data: rows
      .filter((row) => key(row, by) === name)
      .map((row) => [key(row, x), y(row)])
      .sort(([a], [b]) => Number(a) - Number(b)),
  }));
}

/** Groups of bars: a group for each value of `x`, in it a bar for each value of `by`. */
function bars(rows: readonly Row[], x: string, by: string, y = (row: Row) => row.ours!.value, stack?: string): Option {
  const groups = distinct(rows.map((row) => key(row, x)));
  return {
    xAxis: {
      ...axis("", "category"),
      data: groups.map(String),
      axisLabel: { interval: 0, width: 120, overflow: "break" },
    } as object,
    series: distinct(rows.map((row) => key(row, by))).map((name) => ({
      type: "bar",
      name: String(name),
      stack,
      data: groups.map((group) => {
        const row = rows.find((one) => key(one, x) === group && key(one, by) === name);
        return row ? y(row) : null;
      }),
    })),
  };
}

/** Rows as bars of one series each, by name. */
const beside = (series: Readonly<Record<string, readonly (readonly [string, number | undefined])[]>>): Option => {
  const names = distinct(Object.values(series).flatMap((pairs) => pairs.map(([name]) => name)));
  return {
    xAxis: {
      ...axis("", "category"),
      data: names,
      axisLabel: { interval: 0, width: 110, overflow: "break" },
    } as object,
    series: Object.entries(series).map(([name, pairs]) => ({
      type: "bar",
      name,
      data: names.map((one) => pairs.find(([other]) => other === one)?.[1] ?? null),
    })),
  };
};

/** The plot of each experiment in docs/results.md. */
export const charts: Readonly<Record<string, Chart>> = {
  "winograd-tiles": {
    title: "Against a direct convolution",
    option: (run) => ({
      xAxis: axis("side of the output tile", "value", { min: 2, max: 8, interval: 2 }),
      yAxis: axis("times", "value"),
      series: distinct(rowsOf(run, 0).map(({ quantity }) => quantity)).map((quantity) => ({
        type: "line",
        name: quantity,
        data: rowsOf(run, 0, quantity).flatMap((row) => (row.ours ? [[key(row, "tile"), row.ours.value]] : [])),
      })),
    }),
  },
  "kernel-ablation": {
    title: "Time without one optimisation, of the time with all",
    option: (run) => ({
      ...beside({
        "times as long": rowsOf(run, 2, "times as long")
          .filter((row) => row.subject.startsWith("without") || row.subject === "everything off")
          .map((row) => [row.subject.replace("without ", "").replace(/^(passes|kernels)\./, ""), row.ours!.value]),
      }),
      yAxis: axis("times as long", "value"),
    }),
  },
  "sd15-breakdown": {
    title: "Multiply-adds, by kind of work",
    option: (run) => ({
      ...bars(rowsOf(run, 1), "component", "kind", undefined, "all"),
      yAxis: axis("GMAC", "value"),
    }),
  },
  "attention-choice": {
    title: "One head of 40",
    option: (run) => ({
      xAxis: axis("tokens", "log"),
      yAxis: axis("ms", "log"),
      series: lines(
        rowsOf(run, 0).filter((row) => key(row, "head") === 40),
        "tokens",
        "kernel",
      ),
    }),
  },
  "sige-macs": {
    title: "Multiply-adds saved by an edit in one square",
    option: (run) => ({
      xAxis: axis("edited, % of the picture", "value"),
      yAxis: axis("times fewer", "log"),
      series: lines(
        rowsOf(run, 2).filter((row) => key(row, "shape") === "square"),
        "edit",
        "model",
        (row) => Number(key(row, "saving")),
      ),
    }),
  },
  "sige-latency": {
    title: "Smallest edit: what multiply-adds promise, and what time gives",
    option: (run) => {
      const rows = rowsOf(run, 1).filter(
        (row, i, all) => all.findIndex((one) => key(one, "model") === key(row, "model")) === i,
      );
      return {
        ...beside({
          "fewer multiply-adds": rows.map((row) => [String(key(row, "model")), Number(key(row, "fewer"))]),
          "times as fast": rows.map((row) => [String(key(row, "model")), row.ours!.value]),
          "times as fast, paper, M1 Pro": rows.map((row) => [String(key(row, "model")), row.paper?.value]),
        }),
        yAxis: axis("times", "value"),
      };
    },
  },
  "sige-fidelity": {
    title: "PSNR to the picture of the whole network",
    option: (run) => ({ ...bars(rowsOf(run, 0, "PSNR"), "edit", "method"), yAxis: axis("dB", "value") }),
  },
  "sige-ablation": {
    title: "What must be remembered of the original",
    option: (run) => ({
      ...beside({
        ours: rowsOf(run, 0).map((row) => [row.subject, row.ours!.value]),
        "released code": rowsOf(run, 0).map((row) => [row.subject, row.paper?.value]),
      }),
      yAxis: axis("MiB", "log"),
    }),
  },
  "mobilediffusion-architecture": {
    title: "From Stable Diffusion 1.5 to MobileDiffusion, step by step",
    option: (run) => ({
      ...beside({
        "parameters, M": rowsOf(run, 0, "parameters").map((row) => [row.subject, row.ours!.value]),
        "multiply-adds, G": rowsOf(run, 0, "multiply-adds").map((row) => [row.subject, row.ours!.value]),
        "one run, 10 ms": rowsOf(run, 0, "one run").map((row) => [row.subject, row.ours!.value / 10]),
      }),
      yAxis: axis("", "value"),
    }),
  },
  "mobilediffusion-latency": {
    title: "A picture by number of steps, without guidance",
    option: (run) => ({ ...bars(rowsOf(run, 1), "steps", "model"), yAxis: axis("ms", "log") }),
  },
  samplers: {
    title: "Distance to 1000 steps of DDIM",
    option: (run) => ({
      xAxis: axis("steps", "log", { min: 4 }),
      yAxis: axis("root mean square of latents", "log"),
      series: lines(rowsOf(run, 0), "steps", "sampler"),
    }),
  },
  roofline: {
    title: "Kernels that multiply, under the roof",
    option(run) {
      const roof = (kernel: string) => rowsOf(run, 0).find((row) => key(row, "kernel") === kernel)!.ours!.value;
      const [peak, bandwidth] = [roof("peak"), roof("bandwidth")];
      const rows = rowsOf(run, 1).filter(({ unit }) => unit === "GFLOPS");
      const most = Math.max(...rows.map((row) => Number(key(row, "intensity"))));
      return {
        xAxis: axis("FLOP per byte", "log"),
        yAxis: axis("GFLOPS", "log"),
        series: [
          {
            type: "line",
            name: "roof",
            symbol: "none",
            data: [[1, bandwidth], [peak / bandwidth, peak], [2 * most, peak]], // prettier-ignore
          },
          ...distinct(rows.map((row) => key(row, "kernel"))).map((kernel) => ({
            type: "scatter" as const,
            name: String(kernel),
            data: rows
              .filter((row) => key(row, "kernel") === kernel)
              .map((row) => [key(row, "intensity"), row.ours!.value]),
          })),
        ],
      };
    },
  },
  "phone-prediction": {
    title: "Predicted from the device's other networks, against published or measured",
    option(run) {
      const published = rowsOf(run, 0).map(
        (row) => [String(key(row, "device")), row.paper!.value, row.ours!.value] as const,
      );
      const here = rowsOf(run, 1, "from the other").map((row) => {
        const own = rowsOf(run, 1, "one run").find((one) => key(one, "model") === key(row, "model"))!;
        return ["here", own.ours!.value, row.ours!.value] as const;
      });
      const points = [...published, ...here];
      const values = points.flatMap(([, x, y]) => [x, Math.max(1, y)]);
      const ends = [Math.min(...values), Math.max(...values)];
      return {
        xAxis: axis("published or measured, ms", "log"),
        yAxis: axis("predicted, ms", "log"),
        series: [
          { type: "line", name: "equal", symbol: "none", data: ends.map((x) => [x, x]) },
          ...distinct(points.map(([device]) => device)).map((device) => ({
            type: "scatter" as const,
            name: device,
            data: points.filter((p) => p[0] === device).map(([, x, y]) => [x, Math.max(1, y)]),
          })),
        ],
      };
    },
  },
};

/** A run's plot as SVG: drawn in this process, without a browser. */
export function chartSvg(run: Run): string {
  const { title, option } = charts[run.experiment];
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 860, height: 440 });
  chart.setOption({
    animation: false,
    backgroundColor: "#fff",
    title: { text: title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0, type: "plain" },
    grid: { top: 46, left: 70, right: 30, bottom: 110 },
    ...option(run),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
