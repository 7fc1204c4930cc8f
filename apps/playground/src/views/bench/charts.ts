import type { Ablation, Comparison } from "@tessera/bench";
import type { EChartsCoreOption } from "echarts/core";

/** A plot of bars, one below the other, and how many rows it has. */
export interface Plot {
  readonly option: EChartsCoreOption;
  readonly rows: number;
}

/** Bars from top to bottom; numbers that are missing have none. */
const bars = (
  names: readonly string[],
  unit: string,
  series: Record<string, readonly (number | undefined)[]>,
  stack?: string,
): Plot => ({
  rows: names.length,
  option: {
    grid: { top: 36, left: 4, right: 24, bottom: 4, containLabel: true },
    legend: { type: "scroll", top: 0, left: 0 },
    xAxis: { type: "value", min: 0, axisLabel: { hideOverlap: true, formatter: `{value}${unit}` } },
    yAxis: { type: "category", data: names, inverse: true, axisTick: { show: false } },
    series: Object.entries(series).map(([name, values]) => ({
      type: "bar",
      name,
      data: values.map((value) => value ?? null),
      stack,
      barMaxWidth: 12,
    })),
  },
});

/** How much of what the device can do each operator reaches. */
export function opsPlot({ cases, limits }: Comparison): Plot {
  const timed = cases.filter(({ engines }) => engines[0].time);
  return bars(
    timed.map(({ name }) => name),
    " %",
    {
      "of the measured peak": timed.map(({ engines: [{ ofPeak }] }) => ofPeak && 100 * ofPeak),
      "of the speed of a copy": timed.map(({ macs, engines: [{ gigabytesPerSecond: speed }] }) =>
        macs || !speed ? undefined : (100 * speed) / limits.copyGigabytesPerSecond,
      ),
    },
    "one or the other",
  );
}

/** What each optimisation is worth. */
export function ablationPlot({ rows }: Ablation): Plot {
  const ends = ["all", "none"];
  const shown = rows.filter(({ option }) => !ends.includes(option));
  return bars(
    shown.map(({ option, setting }) => nameOf(option, setting)),
    "×",
    {
      "slower without it": shown.map(({ without }) => without.slowdown),
      "faster with it alone": shown.map(({ alone }) => alone?.speedup),
    },
  );
}

/** An optimisation by its key; a setting that is no switch stands beside it. */
export const nameOf = (option: string, setting: string): string =>
  `${option.replace(/^(passes|kernels)\./, "")}${["false", "on", "off"].includes(setting) ? "" : ` = ${setting}`}`;
