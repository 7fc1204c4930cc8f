/** Longer code is folded away behind its number of lines, so that text and plots are what one reads first. */
const shown = 14;

for (const code of document.querySelectorAll("main > pre")) {
  const lines = code.textContent.split("\n").length;
  if (lines <= shown) continue;
  const details = document.createElement("details");
  code.replaceWith(details);
  const summary = Object.assign(document.createElement("summary"), { textContent: `${lines} lines of code` });
  details.append(summary, code);
}
