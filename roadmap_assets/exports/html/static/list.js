// The table of topics by chapter, and the handout that is printed in its place.
function showList(shown) {
  const grouped = !state.sort || !(state.sort in ORDERS) || state.sort === "order";
  const groups = grouped ? chapters.map((chapter) => [chapter, shown.filter((topic) => topic.chapter === chapter)]) : [["", shown]];
  const focused = $("list").contains(document.activeElement) && document.activeElement.dataset.key;
  $("list").replaceChildren(
    shown.length
      ? el(
          "table",
          {},
          el("thead", { class: "unseen" }, el("tr", {}, ["Done", "Topic", "Challenge", "Resources"].map((name) => el("th", { scope: "col" }, name)))),
          groups.filter(([, members]) => members.length).map(([chapter, members]) =>
            el("tbody", {}, chapter && chapterRow(chapter, members), members.map((topic) => row(topic, !grouped)))),
        )
      : el("p", { class: "nothing" }, "No topic matches. Clear the search or a filter."),
  );
  if (focused) document.querySelector(`#list [data-key="${focused}"]`)?.focus();
}

function chapterRow(chapter, members) {
  const all = topics.filter((topic) => topic.chapter === chapter);
  const ticked = all.filter(isDone).length;
  const number = members.length === all.length ? counted(all.length, "topic") : `${members.length} of ${counted(all.length, "topic")}`;
  return el(
    "tr",
    { class: "chapter" },
    el("th", { colspan: 4, scope: "rowgroup" }, el("span", {}, chapter), el("small", {}, ticked ? `${number}, ${ticked} done` : number)),
  );
}

function row(topic, withChapter) {
  const open = el("button", { type: "button", class: "open", "data-key": `open-${topic.place}`, onclick: (event) => openCard(topic, event.currentTarget) }, topic.topic);
  const where = withChapter ? topic.chapter : topic.subcategory;
  return el(
    "tr",
    { class: isDone(topic) ? "done" : "" },
    el("td", { class: "tick" }, tickBox(topic)),
    el("th", { scope: "row" }, open, where && el("span", { class: "where" }, where), topic.tldr && el("p", { class: "tldr" }, topic.tldr)),
    el("td", {}, topic.challenge != null && el("span", { class: `chip ${levelLook(topic)}` }, String(topic.challenge)), topic.optional && el("span", { class: "chip" }, "optional"), topic.stale && el("span", { class: "chip stale" }, "stale")),
    el("td", { class: "links" }, topic.resources.length ? counted(topic.resources.length, "link") : ""),
  );
}

// Built only when it is needed: it holds every text once more.
function fillHandout() {
  const shown = shownTopics();
  $("handout").replaceChildren(
    ...chapters.flatMap((chapter) => {
      const members = shown.filter((topic) => topic.chapter === chapter);
      if (!members.length) return [];
      return el(
        "section",
        {},
        el("h2", {}, chapter),
        members.map((topic) => el("article", {}, el("h3", {}, el("span", { class: "box" }, isDone(topic) ? "☑" : "☐"), ` ${topic.topic}`), details(topic))),
      );
    }),
  );
}

function wireHandout() {
  $("print").addEventListener("click", () => print());
  addEventListener("beforeprint", fillHandout);
  addEventListener("afterprint", () => $("handout").replaceChildren());
  matchMedia("print").addEventListener("change", (event) => event.matches && fillHandout());
}
