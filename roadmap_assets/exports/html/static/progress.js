// What the reader has done: kept in the browser, by topic id, and saved to or loaded from a file.
const progressKey = `roadmap-assets:done:${data.roadmap}`;
let done = new Set(idsIn(stored(progressKey)));

function idsIn(text) {
  try {
    const found = JSON.parse(text)?.done;
    const known = new Set(topics.map((topic) => topic.id));
    return Array.isArray(found) ? found.filter((id) => known.has(id)) : [];
  } catch {
    return [];
  }
}

const isDone = (topic) => done.has(topic.id);
const progressFile = () => JSON.stringify({ roadmap: data.roadmap, done: [...done] }, null, 1);

function tick(topic, on) {
  if (on) done.add(topic.id);
  else done.delete(topic.id);
  store(progressKey, progressFile());
  show();
}

function tickBox(topic) {
  const box = el("input", { type: "checkbox", "aria-label": `Done: ${topic.topic}`, "data-key": `tick-${topic.place}` });
  box.checked = isDone(topic);
  box.addEventListener("change", () => tick(topic, box.checked));
  return box;
}

function showProgress() {
  const percent = share(done.size, topics.length);
  $("done-share").textContent = `${percent} %`;
  $("done-count").textContent = `${done.size} of ${topics.length} done`;
  document.querySelector(".ring .value").setAttribute("stroke-dasharray", `${percent} 100`);
  $("done-by-chapter").replaceChildren(
    ...chapters.map((chapter) => {
      const all = topics.filter((topic) => topic.chapter === chapter);
      const ticked = all.filter(isDone).length;
      const bar = svgEl(
        "svg",
        { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
        svgEl("rect", { class: "track", width: 100, height: 1 }),
        svgEl("rect", { class: "plain", width: share(ticked, all.length), height: 1 }),
      );
      return el("tr", {}, el("th", { scope: "row" }, chapter), el("td", {}, bar), el("td", {}, `${ticked}/${all.length}`));
    }),
  );
}

function wireProgress() {
  $("export-progress").addEventListener("click", () => save(`${data.roadmap}-progress.json`, "application/json", progressFile()));
  $("import-progress").addEventListener("click", () => $("progress-file").click());
  $("progress-file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    done = new Set([...done, ...idsIn(await file.text())]);
    store(progressKey, progressFile());
    show();
  });
}
