import type { Graph } from "./graph.ts";
import type { Shape, Tensor } from "./tensor.ts";

/** A place in the checkpoint. `p.at("down_blocks.0").at("resnets.1")` walks its names as `cd` walks folders. */
export class Params {
  readonly graph: Graph;
  readonly path: string;

  constructor(graph: Graph, path: string) {
    this.graph = graph;
    this.path = path;
  }

  at(name: string | number): Params {
    return new Params(this.graph, this.path ? `${this.path}.${name}` : String(name));
  }

  /** The parameter `name` here. Its shape is checked against the checkpoint when weights are bound. */
  get(name: string, shape: Shape): Tensor {
    return this.graph.param(this.at(name).path, shape);
  }

  /** Like `get`, for numbers that training does not learn, such as a running mean: they are not counted as parameters. */
  buffer(name: string, shape: Shape): Tensor {
    return this.graph.param(this.at(name).path, shape, { buffer: true });
  }

  /** Declares `tensor` the result of this place, so that it can be looked up by its module path; returns it. */
  result(tensor: Tensor): Tensor {
    this.graph.results.set(this.path, tensor);
    return tensor;
  }
}
