import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent } from "echarts/components";
import { use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([BarChart, GridComponent, LegendComponent, CanvasRenderer]);

/** The plotting library with what these plots need, in a file that is fetched with the first of them. */
export { init } from "echarts/core";
