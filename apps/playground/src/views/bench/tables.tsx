import type { Ablation, Case, Comparison, Result } from "@tessera/bench";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { download } from "../../download.ts";
import { formatBytes } from "../../format.ts";
import { Chart } from "./Chart.tsx";
import { ablationPlot, nameOf, opsPlot } from "./charts.ts";

/** Speeds of operators, and how much of what the device can do they reach. */
export function OpsTable({ result }: { result: Comparison }) {
  const plot = useMemo(() => opsPlot(result), [result]);
  const { threads, adapter, simdGflops, copyGigabytesPerSecond: copy } = result.limits;
  const on = adapter ?? `${threads} thread${threads === 1 ? "" : "s"}`;
  const speed = ({ macs, engines: [{ gflops, gigabytesPerSecond = 0 }] }: Case) =>
    macs ? `${digits(gflops!)} GFLOPS` : `${digits(gigabytesPerSecond)} GB/s`;
  const share = ({ macs, engines: [{ ofPeak, gigabytesPerSecond = 0 }] }: Case) =>
    macs ? `${percent(ofPeak!)} of peak` : `${percent(gigabytesPerSecond / copy)} of a copy`;
  return (
    <Measured
      title="Operators"
      result={result}
      plot={<Chart plot={plot} label="Share of the device's limits, by operator" />}
    >
      <p>
        Measured limits of {on}: {digits(simdGflops)} GFLOPS in registers, {digits(copy)} GB/s copied.
      </p>
      <Table head={["Operator", "Time", "Speed", "Of the limit"]}>
        {result.cases.map((row) => {
          const { time, note } = row.engines[0];
          return (
            <tr key={row.name}>
              <th scope="row">{row.name}</th>
              {time ? (
                <>
                  <td>
                    {digits(time.medianMs)} ms <small>± {digits(time.madMs)}</small>
                  </td>
                  <td>{speed(row)}</td>
                  <td>{share(row)}</td>
                </>
              ) : (
                <td colSpan={3}>{note}</td>
              )}
            </tr>
          );
        })}
      </Table>
    </Measured>
  );
}

/** What each optimisation is worth: without it, and with it alone. */
export function AblationTable({ result }: { result: Ablation }) {
  const plot = useMemo(() => ablationPlot(result), [result]);
  const names: Record<string, string> = { all: "everything on", none: "everything off" };
  return (
    <Measured title="Ablation" result={result} plot={<Chart plot={plot} label="What each optimisation is worth" />}>
      <Table
        head={[
          "Optimisation",
          "Without it",
          "Slower",
          "Alone",
          "Faster",
          "Calls",
          "Tensors",
          "Weights",
          "Moves the result",
        ]}
      >
        {result.rows.map(({ option, setting, without, alone }) => (
          <tr key={`${option} ${setting}`}>
            <th scope="row">{names[option] ?? nameOf(option, setting)}</th>
            <td>{digits(without.time.medianMs)} ms</td>
            <td>{without.slowdown.toFixed(2)}×</td>
            <td>{alone && `${digits(alone.time.medianMs)} ms`}</td>
            <td>{alone && `${alone.speedup.toFixed(2)}×`}</td>
            <td>{without.calls}</td>
            <td>{formatBytes(without.activationBytes)}</td>
            <td>{formatBytes(without.weightBytes)}</td>
            <td>{without.difference && without.difference.toExponential(0)}</td>
          </tr>
        ))}
      </Table>
    </Measured>
  );
}

interface MeasuredProps {
  readonly title: string;
  readonly result: Result;
  readonly plot: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A result with its place and time, its plot, and a button that saves it as `tessera bench --json` prints it. */
function Measured({ title, result, plot, children }: MeasuredProps) {
  const { backend, date } = result.machine;
  const save = () => {
    const file = new Blob([JSON.stringify(result, null, 2)], { type: "application/json" });
    download(`tessera-${result.kind}-${date.slice(0, 19).replaceAll(":", "-")}.json`, file);
  };
  return (
    <section class="stack" aria-label={title}>
      <header class="row">
        <h2>{title}</h2>
        <p>
          {backend}, {new Date(date).toLocaleString()}
        </p>
        <button type="button" onClick={save}>
          Download JSON
        </button>
      </header>
      {plot}
      {children}
    </section>
  );
}

/** Wider than a narrow screen, it scrolls by itself. */
const Table = ({ head, children }: { head: readonly string[]; children: ComponentChildren }) => (
  <div class="scroll" role="group" aria-label="Table" tabIndex={0}>
    <table>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  </div>
);

const digits = (value: number): string => String(+value.toPrecision(value < 1000 ? 3 : 4));
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
