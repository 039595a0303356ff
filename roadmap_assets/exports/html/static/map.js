// The drawing: pan and zoom by pointer, wheel, fingers and keys; topics are reached by arrow keys and opened.
const drawing = $("drawing");
const { x: left, y: top, width, height } = drawing.viewBox.baseVal;
const whole = { left, top, width, height };
const nodes = new Map([...drawing.querySelectorAll("[data-topic]")].map((node) => [Number(node.dataset.topic), node]));
const drawn = topics.filter((topic) => nodes.has(topic.place));
const ZOOM = { least: 0.12, most: 3 };
const DRAG = 4; // pixels before a press becomes a drag

let camera = { x: whole.left, y: whole.top, scale: 1 }; // scale: pixels of the screen for one of the drawing

function look({ x, y, scale }) {
  const { clientWidth, clientHeight } = drawing;
  if (!clientWidth || !clientHeight) return;
  scale = Math.min(ZOOM.most, Math.max(ZOOM.least, scale));
  const [wide, high] = [clientWidth / scale, clientHeight / scale];
  // Center what is smaller than the window (or align it at the top); keep a part of what is larger in sight.
  x = wide >= whole.width ? whole.left - (wide - whole.width) / 2 : between(x, whole.left - wide / 3, whole.left + whole.width - (wide * 2) / 3);
  y = high >= whole.height ? whole.top : between(y, whole.top - high / 5, whole.top + whole.height - (high * 4) / 5);
  camera = { x, y, scale };
  drawing.setAttribute("viewBox", `${x} ${y} ${wide} ${high}`);
}

const between = (value, least, most) => Math.min(Math.max(value, least), Math.max(least, most));

function fit() {
  const scale = between(drawing.clientWidth / whole.width, 0.3, 1.1);
  look({ x: whole.left + (whole.width - drawing.clientWidth / scale) / 2, y: whole.top, scale });
}

function pan(dx, dy) {
  look({ ...camera, x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale });
}

function zoom(factor, at) {
  const box = drawing.getBoundingClientRect();
  const [dx, dy] = at ? [at.x - box.left, at.y - box.top] : [box.width / 2, box.height / 2];
  const scale = between(camera.scale * factor, ZOOM.least, ZOOM.most);
  look({ scale, x: camera.x + dx / camera.scale - dx / scale, y: camera.y + dy / camera.scale - dy / scale });
}

function bringIntoSight(node) {
  const { x, y, width, height } = node.getBBox();
  const [wide, high] = [drawing.clientWidth / camera.scale, drawing.clientHeight / camera.scale];
  if (x < camera.x || y < camera.y || x + width > camera.x + wide || y + height > camera.y + high)
    look({ ...camera, x: x + width / 2 - wide / 2, y: y + height / 2 - high / 2 });
}

// One stop for the tab key, wherever the arrows have led to.
let current = drawn[0];

function moveTo(topic, focus = true) {
  nodes.get(current.place).setAttribute("tabindex", -1);
  current = topic;
  const node = nodes.get(topic.place);
  node.setAttribute("tabindex", 0);
  if (focus) {
    bringIntoSight(node);
    node.focus({ preventScroll: true });
  }
}

function onKey(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const at = drawn.indexOf(current);
  if (step) moveTo(drawn[between(at + step, 0, drawn.length - 1)]);
  else if (event.key === "Home") moveTo(drawn[0]);
  else if (event.key === "End") moveTo(drawn.at(-1));
  else if (event.key === "Enter" || event.key === " ") openCard(current, nodes.get(current.place));
  else if (event.key === "+" || event.key === "=") zoom(1.25);
  else if (event.key === "-") zoom(0.8);
  else if (event.key === "0") fit();
  else return;
  event.preventDefault();
}

const topicAt = (target) => topics[target.closest?.("[data-topic]")?.dataset.topic];

function wirePointer() {
  const fingers = new Map();
  let moved = 0;
  let pressed = null;
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { distance: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  drawing.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (!fingers.size) [moved, pressed] = [0, event.target];
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  drawing.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const before = fingers.size === 2 ? spread() : null;
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    moved += Math.abs(dx) + Math.abs(dy);
    [finger.x, finger.y] = [event.clientX, event.clientY];
    if (moved <= DRAG) return;
    if (!drawing.hasPointerCapture(event.pointerId)) drawing.setPointerCapture(event.pointerId);
    drawing.classList.add("dragging");
    if (before) {
      const after = spread();
      pan(after.x - before.x, after.y - before.y);
      if (before.distance) zoom(after.distance / before.distance, after);
    } else pan(dx, dy);
  });
  for (const name of ["pointerup", "pointercancel"])
    drawing.addEventListener(name, (event) => {
      fingers.delete(event.pointerId);
      drawing.classList.remove("dragging");
    });
  drawing.addEventListener("click", (event) => {
    if (moved > DRAG) return event.preventDefault(); // the end of a drag opens nothing
    const topic = topicAt(pressed ?? event.target);
    if (!topic) return;
    moveTo(topic, false);
    openCard(topic, nodes.get(topic.place));
  });
  drawing.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const line = event.deltaMode === 1 ? 24 : 1;
      if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY * line * 0.004), { x: event.clientX, y: event.clientY });
      else pan(-event.deltaX * line, -event.deltaY * line);
    },
    { passive: false },
  );
  drawing.addEventListener("dblclick", (event) => topicAt(event.target) || zoom(1.6, { x: event.clientX, y: event.clientY }));
}

function showMap(shown) {
  const visible = new Set(shown.map((topic) => topic.place));
  for (const topic of drawn) {
    const node = nodes.get(topic.place);
    node.classList.toggle("dim", !visible.has(topic.place));
    node.classList.toggle("done", isDone(topic));
    node.classList.toggle("chosen", topic.id === state.topic);
  }
  const first = shown.find((topic) => nodes.has(topic.place));
  if (first && isFiltered() && !state.topic) bringIntoSight(nodes.get(first.place));
}

function wireMap() {
  if (current) moveTo(current, false);
  drawing.addEventListener("keydown", onKey);
  wirePointer();
  $("zoom-in").addEventListener("click", () => zoom(1.25));
  $("zoom-out").addEventListener("click", () => zoom(0.8));
  $("zoom-fit").addEventListener("click", fit);
  let seen = 0;
  new ResizeObserver(() => {
    if (!seen && drawing.clientWidth) fit();
    else look(camera);
    seen = drawing.clientWidth;
  }).observe(drawing);
}
