// A topic's card: everything there is to know about it, in a drawer at the side (or at the bottom, on a phone).
const LIST_ITEM = /^(- |\d+\. )/;

// A description: paragraphs apart by an empty line; the lines of a list; else several lines are code or a table.
function paragraphs(text) {
  return text.split(/\n{2,}/).filter(Boolean).map((block) => {
    const lines = block.split("\n");
    if (LIST_ITEM.test(block)) {
      const items = lines.reduce((all, line) => {
        if (LIST_ITEM.test(line)) all.push(line.replace(LIST_ITEM, ""));
        else all[all.length - 1] += ` ${line.trim()}`;
        return all;
      }, []);
      return el(block.startsWith("- ") ? "ul" : "ol", {}, items.map((item) => el("li", {}, item)));
    }
    return lines.length > 1 ? el("pre", { tabindex: 0 }, block) : el("p", {}, block);
  });
}

const titled = (name) => name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

// An answer of any shape that a profile may ask for.
function answer(value) {
  if (Array.isArray(value)) return el("ol", {}, value.map((one) => el("li", {}, answer(one))));
  if (value === true || value === false) return el("p", {}, value ? "yes" : "no");
  if (typeof value === "object" && value !== null)
    return el("dl", {}, Object.entries(value).flatMap(([name, one]) => [el("dt", {}, titled(name)), el("dd", {}, answer(one))]));
  return document.createTextNode(String(value ?? ""));
}

function chips(topic) {
  return el(
    "p",
    { class: "chips" },
    topic.challenge != null && el("span", { class: `chip ${levelLook(topic)}` }, String(topic.challenge)),
    topic.optional && el("span", { class: "chip" }, "optional"),
    topic.mark && el("span", { class: "chip" }, topic.mark),
    topic.simulated && el("span", { class: "chip simulated" }, "simulated"),
    topic.stale && el("span", { class: "chip stale" }, topic.stale === true ? "stale answer" : `stale answer of ${topic.stale}`),
    topic.status && el("span", { class: "chip level-none" }, topic.status === "failed" ? "no answer" : "not answered yet"),
  );
}

function resourceLists(topic) {
  const found = [...new Set(topic.resources.map(([, , kind]) => kind))];
  return found.map((kind) =>
    el(
      "section",
      { class: "resources" },
      el("h4", {}, titled(kind)),
      el("ul", {}, topic.resources.filter(([, , one]) => one === kind).map(([title, url]) =>
        el("li", {}, link(title, url), " ", el("span", { class: "host" }, hostOf(url))))),
    ),
  );
}

// What stands on the card and, for every topic, on paper.
function details(topic) {
  return [
    topic.tldr && el("p", { class: "tldr" }, topic.tldr),
    chips(topic),
    ...Object.entries(topic.answers).map(([column, value]) =>
      el("section", { class: "answer" }, el("h3", {}, data.headers[column]), answer(value))),
    topic.text && el("section", { class: "text" }, el("h3", { class: "unseen" }, "About"), paragraphs(topic.text)),
    topic.resources.length > 0 && el("section", {}, el("h3", {}, "Resources"), resourceLists(topic)),
  ].filter(Boolean);
}

function showCard() {
  const card = $("card");
  const topic = topics.find((one) => one.id === state.topic);
  if (!topic) {
    if (card.open) card.close();
    return;
  }
  if (card.dataset.topic !== topic.id || !card.open) {
    const shown = shownTopics();
    const at = shown.indexOf(topic);
    const step = (to, label) =>
      el("button", { type: "button", class: "quiet", disabled: !to, onclick: () => change({ topic: to.id }) }, label);
    card.dataset.topic = topic.id;
    card.replaceChildren(
      el(
        "header",
        {},
        el("p", { class: "crumb" }, topic.path.length ? topic.path.join(" › ") : topic.chapter),
        el("h2", { id: "card-title", tabindex: -1 }, topic.topic),
        el("label", { class: "tick" }, tickBox(topic), "Done"),
        el("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => card.close() }, "×"),
      ),
      el("div", { class: "body", tabindex: 0, role: "region", "aria-labelledby": "card-title" }, details(topic)),
      el("footer", {}, step(shown[at - 1], "← Previous"), step(at < 0 ? null : shown[at + 1], "Next →")),
    );
    if (!card.open) card.showModal();
    $("card-title").focus();
  }
}

function wireCard() {
  const card = $("card");
  card.addEventListener("close", () => {
    const place = topics.find((one) => one.id === card.dataset.topic)?.place;
    change({ topic: "" });
    if (lastOpener?.isConnected) lastOpener.focus();
    else document.querySelector(`#list [data-key="open-${place}"]`)?.focus();
  });
  card.addEventListener("click", (event) => {
    if (event.target === card) card.close(); // on what lies behind it
  });
}

let lastOpener = null;

function openCard(topic, opener) {
  lastOpener = opener;
  change({ topic: topic.id });
}
