import { printPsnr, type EditReport } from "@tessera/pipelines";
import { formatBytes, formatMs } from "../../format.ts";
import { finest, nameOf, type EditRoom } from "./room.ts";

/** What the edit cost: counted multiply-adds and measured times, by blocks and as a whole, and which tiles were active. */
export const Report = ({ room }: { room: EditRoom }) => (
  <section class="card report" aria-label="Cost" data-stale={room.stale.value}>
    {room.shown.value ? (
      <>
        <Costs report={room.shown.value.report} />
        <Tiles room={room} report={room.shown.value.report} />
      </>
    ) : (
      <p>Here it will say what a stroke costs.</p>
    )}
  </section>
);

function Costs({ report: { edited, grown, macs, ms, psnr, cache } }: { report: EditReport }) {
  const rows = [
    ["Multiply-adds, counted", formatMacs(macs.sparse), formatMacs(macs.dense)],
    ["Time, measured", formatMs(ms.sparse), ms.dense === undefined ? "not computed" : formatMs(ms.dense)],
    ["Painted", percent(edited), `${percent(grown)} with its margin`],
    ["Recording the original", formatMs(ms.record + ms.recall), `${formatBytes(cache.bytes)} kept`],
    ...(psnr ? [["Likeness (PSNR)", printPsnr(psnr.inside), `${printPsnr(psnr.all)} over all`]] : []),
  ];
  return (
    <div class="stack">
      <p class="headline">
        <strong>{ratio(macs.dense / macs.sparse)}</strong> fewer multiply-adds
        {ms.dense !== undefined && <span>, {ratio(ms.dense / ms.sparse)} less time</span>}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Cost of the edit</th>
            <th scope="col">By blocks</th>
            <th scope="col">As a whole</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, blocks, whole]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{blocks}</td>
              <td>{whole}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const Tiles = ({ room, report }: { room: EditRoom; report: EditReport }) => (
  <table>
    <caption>Active tiles: choose a row to see them on the picture</caption>
    <tbody>
      {finest(report.blocks).map((row) => {
        const name = nameOf(row);
        const chosen = room.blocks.value && nameOf(room.blocks.value) === name;
        const show = () => {
          room.shownBlocks.value = name;
          room.showTiles.value = true;
        };
        return (
          <tr key={name} class={chosen ? "chosen" : ""}>
            <th scope="row">
              <button type="button" aria-pressed={chosen} onClick={show}>
                {name}
              </button>
            </th>
            <td>
              {row.active} of {row.all}
            </td>
            <td aria-hidden="true">
              <span class="track" style={{ backgroundSize: percent(row.active / row.all) }} />
            </td>
          </tr>
        );
      })}
    </tbody>
  </table>
);

const ratio = (times: number): string => `${times.toFixed(1)}×`;
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
const formatMacs = (macs: number): string => `${(macs / 1e9).toFixed(2)} G`;
