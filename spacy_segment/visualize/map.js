"use strict";
// The map beside the text, and what follows the scrolling: the frame on the map and the mark in the contents.

const $ = (id) => document.getElementById(id);

const onceAFrame = (task) => {
  let due = false;
  return () => {
    if (!due) requestAnimationFrame(() => { due = false; task(); });
    due = true;
  };
};

// ends: characters before each run; height(i): probability of a topic at a run, in permille; topics(): those there are now,
// as { element, first, end, link }. Hidden where the texts have no topics.
function makeMap(ends, height, topics) {
  const map = $("map"), [bands, curve, view] = map.children;
  const n = ends.length - 1, total = Math.max(1, ends[n]);

  const peaks = new Array(250).fill(0);
  for (let i = 0; i < n; i++) {
    const row = Math.min(249, Math.floor(250 * ends[i] / total));
    peaks[row] = Math.max(peaks[row], height(i));
  }
  curve.setAttribute("d", "M100 0" + peaks.map((p, i) => `H${100 - p / 10}V${4 * i + 4}`).join("") + "H100Z");

  function band(first, last) { // of a topic
    const shape = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const y = 1000 * ends[first] / total, height = 1000 * ends[last] / total - y;
    for (const [name, value] of Object.entries({ x: 0, width: 100, y, height })) shape.setAttribute(name, value);
    return shape;
  }

  const header = document.querySelector("header");
  const edge = () => Math.max(0, header.getBoundingClientRect().bottom);
  new ResizeObserver(() => { // what sticks below the bar has to know its height
    const height = getComputedStyle(header).position === "sticky" ? header.offsetHeight : 0;
    document.documentElement.style.setProperty("--bar", `${height}px`);
    moved();
  }).observe(header);

  function sectionAt(y) { // the last section that begins above y
    const sections = topics();
    let low = 0, high = sections.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (sections[middle].element.getBoundingClientRect().top <= y + 1) low = middle; else high = middle - 1;
    }
    return low;
  }

  function characterAt(y) {
    const { element, first, end: last } = topics()[sectionAt(y)];
    const box = element.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (y - box.top) / Math.max(1, box.height)));
    return ends[first] + part * (ends[last] - ends[first]);
  }

  function follow() { // scrolling moves the frame on the map and the mark in the contents
    if (map.hasAttribute("hidden")) return;
    const top = 1000 * characterAt(edge()) / total;
    view.setAttribute("y", top);
    view.setAttribute("height", Math.max(4, 1000 * characterAt(innerHeight) / total - top));
    const here = topics()[sectionAt(edge() + 8)].link;
    const before = $("contents").querySelector("[aria-current]");
    if (before === here) return;
    before?.removeAttribute("aria-current");
    here.setAttribute("aria-current", "true");
    const list = $("contents"), place = here.offsetTop - list.offsetTop;
    if (place < list.scrollTop || place + here.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = place - list.clientHeight / 3;
    }
  }

  function jump(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = map.getBoundingClientRect();
    const character = total * Math.min(0.9999, Math.max(0, (event.clientY - box.top) / box.height));
    const { element, first, end: last } = topics().find(({ end }) => ends[end] > character) ?? topics().at(-1);
    element.open = true;
    const rect = element.getBoundingClientRect();
    const part = (character - ends[first]) / Math.max(1, ends[last] - ends[first]);
    scrollBy({ top: rect.top + part * rect.height - (innerHeight + edge()) / 2, behavior: "instant" });
  }

  const moved = onceAFrame(follow);
  map.addEventListener("pointerdown", (event) => { map.setPointerCapture(event.pointerId); jump(event); });
  map.addEventListener("pointermove", jump);
  addEventListener("scroll", moved, { passive: true });
  addEventListener("resize", moved);

  return { band, bands, moved, sectionAt, top: edge };
}
