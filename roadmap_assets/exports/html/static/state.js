// The topics, and what of them is shown: the whole view is in the address after the #, so that it can be shared.
const data = JSON.parse($("data").textContent);
const topics = data.topics.map((topic, place) => ({
  place, resources: [], path: [], answers: {}, text: "", tldr: "", ...topic,
}));
const chapters = [...new Set(topics.map((topic) => topic.chapter))];
const marks = [...new Set(topics.map((topic) => topic.mark).filter(Boolean))];
const kinds = [...new Set(topics.flatMap((topic) => topic.resources.map(([, , kind]) => kind)))].sort();

const ORDERS = {
  order: ["Roadmap order", () => 0],
  name: ["Name", (a, b) => a.topic.localeCompare(b.topic)],
  challenge: ["Challenge", (a, b) => levelOf(a) - levelOf(b)],
  resources: ["Most resources", (a, b) => b.resources.length - a.resources.length],
};
const FACETS = {
  chapter: { label: "Chapter", options: chapters, holds: (topic, value) => topic.chapter === value },
  challenge: { label: "Challenge", options: data.levels, holds: (topic, value) => topic.challenge === value },
  kind: { label: "Resources", options: kinds, holds: (topic, value) => topic.resources.some(([, , kind]) => kind === value) },
  optional: {
    label: "Optional",
    options: topics.some((topic) => topic.optional) ? ["only", "without"] : [],
    holds: (topic, value) => Boolean(topic.optional) === (value === "only"),
  },
  mark: { label: "Mark", options: marks, holds: (topic, value) => topic.mark === value },
  done: { label: "Progress", options: ["open", "done"], holds: (topic, value) => isDone(topic) === (value === "done") },
};
const NAMES = ["q", ...Object.keys(FACETS), "sort", "view", "topic"];

function levelOf(topic) {
  const level = data.levels.indexOf(topic.challenge);
  return level < 0 ? data.levels.length : level;
}

const levelLook = (topic) => (topic.challenge == null ? "level-none" : `level-${Math.min(levelOf(topic), 4)}`);
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// Every text in a value of any shape: an answer may be a list or an object.
function textsIn(value) {
  if (value == null) return [];
  return typeof value === "object" ? Object.values(value).flatMap(textsIn) : [String(value)];
}

for (const topic of topics) topic.haystack = plain(textsIn(topic).join("\n"));

let state = {};

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  state = Object.fromEntries(NAMES.filter((name) => given.get(name)).map((name) => [name, given.get(name)]));
}

function change(changes) {
  state = { ...state, ...changes };
  const kept = NAMES.filter((name) => state[name]).map((name) => [name, state[name]]);
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
  show();
}

function shownTopics() {
  const words = plain(state.q ?? "").split(/\s+/).filter(Boolean);
  const facets = Object.entries(FACETS).filter(([name]) => state[name]);
  const found = topics.filter(
    (topic) =>
      words.every((word) => topic.haystack.includes(word)) &&
      facets.every(([name, facet]) => facet.holds(topic, state[name])),
  );
  const [, compare] = ORDERS[state.sort] ?? ORDERS.order;
  return found.sort((a, b) => compare(a, b) || a.place - b.place);
}

const isFiltered = () => Boolean(state.q) || Object.keys(FACETS).some((name) => state[name]);
