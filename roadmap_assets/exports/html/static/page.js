// Everything put together: the address is read, everything is shown, and what the reader does goes into the address.
const WIDE = matchMedia("(min-width: 62rem)");

function facet(name, { label, options }) {
  const select = el("select", { id: `facet-${name}` }, el("option", { value: "" }, "any"), options.map((value) => el("option", { value }, String(value))));
  select.addEventListener("change", () => change({ [name]: select.value }));
  return el("label", {}, el("span", {}, label), select);
}

function wireFacets() {
  const order = el("select", { id: "facet-sort" }, Object.entries(ORDERS).map(([name, [label]]) => el("option", { value: name === "order" ? "" : name }, label)));
  order.addEventListener("change", () => change({ sort: order.value }));
  $("facets").replaceChildren(
    ...Object.entries(FACETS).filter(([name, { options }]) => options.length > (name === "mark" ? 0 : 1)).map(([name, one]) => facet(name, one)),
    el("label", {}, el("span", {}, "Order"), order),
  );
  $("q").addEventListener("input", (event) => change({ q: event.target.value }));
  $("clear").addEventListener("click", () => {
    change(Object.fromEntries(["q", ...Object.keys(FACETS)].map((name) => [name, ""])));
    $("q").focus();
  });
}

function showControls(shown) {
  if ($("q").value !== (state.q ?? "")) $("q").value = state.q ?? "";
  for (const name of [...Object.keys(FACETS), "sort"]) {
    const select = $(`facet-${name}`);
    if (!select) continue;
    select.value = state[name] ?? "";
    select.classList.toggle("set", Boolean(state[name]));
  }
  $("count").textContent = shown.length === topics.length ? counted(topics.length, "topic") : `${shown.length} of ${counted(topics.length, "topic")}`;
  $("clear").hidden = !isFiltered();
}

// On a wide screen the map stands beside the other two; on a narrow one, one of the three is shown.
function showView() {
  const wanted = ["map", "topics", "overview"].includes(state.view) ? state.view : WIDE.matches ? "topics" : "map";
  const view = WIDE.matches && wanted === "map" ? "topics" : wanted;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const chosen = tab.dataset.view === view;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    tab.hidden = WIDE.matches && tab.dataset.view === "map";
    $(tab.dataset.view).hidden = !(chosen || (WIDE.matches && tab.dataset.view === "map"));
  }
}

function wireTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => change({ view: tab.dataset.view }));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const open = tabs.filter((one) => !one.hidden);
      const next = open.at((open.indexOf(tab) + step) % open.length);
      change({ view: next.dataset.view });
      next.focus();
    });
  }
  WIDE.addEventListener("change", showView);
}

function show() {
  const shown = shownTopics();
  showView();
  showControls(shown);
  showList(shown);
  showMap(shown);
  showProgress();
  showCard();
}

wireTheme($("theme"));
wireFacets();
wireTabs();
wireProgress();
wireCard();
wireHandout();
wireMap();
wireDownloads();
addEventListener("hashchange", () => {
  readAddress();
  show();
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) || $("card").open) return;
  event.preventDefault();
  $("q").focus();
});
readAddress();
show();
document.documentElement.classList.add("ready");
