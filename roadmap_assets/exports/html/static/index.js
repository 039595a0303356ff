// The rows are there already; the script only hides and reorders them.
const body = $("roadmaps").tBodies[0];
const rows = [...body.rows];

function sortBy(button) {
  const name = button.dataset.sort;
  const heading = button.closest("th");
  const descending = heading.getAttribute("aria-sort") === "ascending" || (!heading.ariaSort && name !== "title");
  for (const other of document.querySelectorAll("#roadmaps [aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const compare = (a, b) => a.dataset[name].localeCompare(b.dataset[name], undefined, { numeric: true });
  body.append(...rows.sort((a, b) => (descending ? compare(b, a) : compare(a, b))));
}

for (const button of document.querySelectorAll("[data-sort]")) button.addEventListener("click", () => sortBy(button));

$("q").addEventListener("input", (event) => {
  const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  $("nothing").hidden = rows.some((row) => !row.hidden);
});

wireTheme($("theme"));
document.documentElement.classList.add("ready");
