import type { DataFrame } from "danfojs";

const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** A data frame as a table: numbers to four digits and to the right, what is missing left blank. */
export function table(frame: DataFrame, caption?: string): HTMLTableElement {
  const element = document.createElement("table");
  if (caption) element.createCaption().textContent = caption;
  const head = element.createTHead().insertRow();
  for (const name of frame.columns) head.appendChild(document.createElement("th")).textContent = name;
  const body = element.createTBody();
  const rows = frame.values as (string | number | boolean | null | undefined)[][];
  for (const values of rows) {
    const row = body.insertRow();
    for (const value of values) {
      const cell = row.insertCell();
      const isNumber = typeof value === "number";
      cell.textContent = isNumber ? (Number.isNaN(value) ? "" : number.format(value)) : String(value ?? "");
    }
  }
  frame.columns.forEach((_, column) => {
    const present = rows.map((values) => values[column]).filter((value) => value !== null && value !== undefined);
    if (present.length && present.every((value) => typeof value === "number"))
      for (const row of element.rows) row.cells[column].classList.add("number");
  });
  return element;
}
