#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench.ts";
import { demoCommand } from "./demo.ts";
import { editCommand } from "./edit.ts";
import { generateCommand } from "./generate.ts";
import { inspectCommand } from "./inspect.ts";
import type { Surroundings } from "./options.ts";
import { paintCommand } from "./paint.ts";
import { reproduceCommand } from "./reproduce.ts";
import { runCommand } from "./run.ts";
import { version } from "./version.ts";

/** Ctrl-C, or a request to end. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

function tessera(surroundings: Surroundings): Command {
  const program = new Command("tessera")
    .description(
      "On-device image generation: prompt to picture, one network on named tensors, and what a model is made of.",
    )
    .version(version);
  const commands = [
    generateCommand,
    editCommand,
    paintCommand,
    runCommand,
    inspectCommand,
    benchCommand,
    reproduceCommand,
    demoCommand,
  ];
  for (const command of commands) program.addCommand(command(surroundings));
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ outputError: () => {} }); // errors are printed once, below
  return program;
}

/** Runs the command line and returns the exit code: 0, 1 for a user's error, 2 for bad usage, 130 for Ctrl-C. */
async function main(args: readonly string[]): Promise<number> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130); // a second Ctrl-C does not wait
    controller.abort(new Interrupted("interrupted."));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    await tessera({ signal: controller.signal }).parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    if (error instanceof CommanderError && error.code === "commander.help") return 2;
    const { message, stack } = error as Error;
    if (process.env.DEBUG) console.error(stack);
    console.error(`error: ${message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ")}`);
    if (controller.signal.aborted) return 130;
    return error instanceof CommanderError ? 2 : 1;
  }
}

// Node 20 has relaxed SIMD behind this flag, later ones as a matter of course.
if (process.versions.node.startsWith("20.")) setFlagsFromString("--experimental-wasm-relaxed-simd");
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  if (code !== "EPIPE") console.error(`error: the result could not be printed: ${message}.`);
  process.exit(code === "EPIPE" ? 0 : 1);
});
process.exitCode = await main(process.argv.slice(2));
