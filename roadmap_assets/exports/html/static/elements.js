// Elements are made one by one and texts set as text: no data ever becomes markup.
const $ = (id) => document.getElementById(id);

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== ""));
  return element;
}

function svgEl(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// A link to the web, or only its text when the address leads anywhere else.
function link(text, url) {
  if (!/^https?:\/\//i.test(url)) return el("span", {}, text);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}

function hostOf(url) {
  try {
    return new URL(url).hostname.replace(/^www\./, "");
  } catch {
    return "";
  }
}

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const share = (part, whole) => (whole ? Math.round((100 * part) / whole) : 0);

// What the browser keeps for this page; in a private window it may keep nothing.
function stored(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* the page works without */
  }
}

function save(name, type, content) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

// Light or dark: the system's choice until the reader makes one.
function wireTheme(button) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = stored("roadmap-assets:theme");
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    return dark;
  };
  button.addEventListener("click", () => {
    store("roadmap-assets:theme", show() ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}
