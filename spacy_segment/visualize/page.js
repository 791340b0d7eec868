"use strict";
// The text stands in the page as runs; this script groups them into sentences, blocks and topics, and again whenever a
// threshold moves. It makes no text: runs are only moved.
(() => {
  const SENTENCE = 1, TOPIC = 2, BLOCK = 4, TEXT = 8;
  const HUES = [250, 35, 155, 310, 85, 200, 5, 125, 280, 60, 180, 340];
  const data = JSON.parse($("data").textContent);
  const runs = [...document.querySelectorAll(".run")];
  const n = runs.length;
  const ends = new Float64Array(n + 1); // characters before each run
  runs.forEach((run, i) => { ends[i + 1] = ends[i] + run.textContent.length; run.index = i; });
  const total = Math.max(1, ends[n]);
  const texts = [...document.querySelectorAll(".text")].map((element) => ({
    element, first: element.firstElementChild.index, end: element.lastElementChild.index + 1,
  }));
  const count = (number, name) => `${number.toLocaleString("en")} ${name}${number === 1 ? "" : "s"}`;
  const percent = (permille) => permille < 0 ? "" : (permille / 1000).toFixed(2);

  // What begins where -----------------------------------------------------------------------------------------------
  const isTopic = new Uint8Array(n), isSent = new Uint8Array(n);
  const threshold = { topic: null, sent: null }; // null: as in the Doc

  function decide(target, probs, bit, value) {
    for (let i = 0; i < n; i++) {
      const own = value === null || probs[i] < 0 || data.flags[i] & TEXT;
      target[i] = own ? (data.flags[i] & bit ? 1 : 0) : probs[i] > value * 10 ? 1 : 0;
    }
  }

  function update(changed) {
    if (changed !== "sent") {
      decide(isTopic, data.topics, TOPIC, threshold.topic);
      for (const text of texts) isTopic[text.first] = 1;
      arrange();
    }
    decide(isSent, data.sents, SENTENCE, threshold.sent);
    for (let i = 0; i < n; i++) {
      if (isTopic[i] && data.hasSents) isSent[i] = 1; // a topic starts with a sentence
      if (runs[i].isOn !== isSent[i]) runs[i].classList.toggle("on", (runs[i].isOn = isSent[i]) === 1);
    }
    point(-1);
    if (changed !== "sent") name();
    tally();
  }

  // Topics and blocks -----------------------------------------------------------------------------------------------
  let sections = [];
  const rise = (i) => data.flags[i] & TEXT ? 0 : data.topics[i];
  const map = makeMap(ends, rise, () => sections);

  function arrange() {
    const old = new Map(sections.map((section) => [`${section.first}-${section.end}`, section]));
    sections = [];
    for (const text of texts) {
      const wanted = [];
      for (let first = text.first, i = first + 1; i <= text.end; i++) {
        if (i < text.end && !isTopic[i]) continue;
        wanted.push(old.get(`${first}-${i}`) ?? build(first, i));
        first = i;
      }
      place(text.element, wanted.map((section) => section.element));
      sections.push(...wanted);
    }
  }

  function place(parent, wanted) { // like replaceChildren, but what stays is not touched
    const keep = new Set(wanted);
    for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
    let next = parent.firstElementChild;
    for (const child of wanted) {
      if (child === next) next = next.nextElementSibling; else parent.insertBefore(child, next);
    }
  }

  function write(element, text) { // what reads the same is not laid out again
    if (element.textContent !== text) element.textContent = text;
  }

  function build(first, end) {
    const element = data.hasTopics ? $("topic").content.firstElementChild.cloneNode(true) : document.createElement("div");
    element.id = `topic-${first}`;
    const lines = (a, b) => Math.ceil((ends[b] - ends[a]) / 80); // a guess, for the scroll bar
    element.style.setProperty("--lines", lines(first, end));
    for (let from = first, i = first + 1; i <= end; i++) {
      if (i < end && !(data.flags[i] & BLOCK)) continue;
      let block = runs[from].parentElement;
      if (block.localName !== "p" || block.firstElementChild !== runs[from] || block.lastElementChild !== runs[i - 1]) {
        block = document.createElement("p");
        block.style.setProperty("--lines", lines(from, i));
        if (data.parts[from]) block.dataset.part = data.parts[from];
        block.append(...runs.slice(from, i));
        block.dir = "auto";
      }
      element.append(block);
      from = i;
    }
    const [title, lead, note] = element.firstElementChild.children;
    const section = { element, first, end, title, lead, note };
    return data.hasTopics ? Object.assign(section, entry(section)) : section;
  }

  // Names, numbers, contents ----------------------------------------------------------------------------------------
  function labelOf(first, end) { // the label of most of its characters
    const share = new Map();
    for (let i = first; i < end; i++) {
      const label = data.labelOf[i];
      share.set(label, (share.get(label) ?? 0) + ends[i + 1] - ends[i]);
    }
    return [...share].reduce((best, next) => next[1] > best[1] ? next : best, [-1, -1])[0];
  }

  function leadOf(first, end) {
    let text = "";
    for (let i = first; i < end && text.trim().length < 90; i++) text += runs[i].textContent.slice(0, 200);
    return [...text.trim().replace(/\s+/g, " ")].slice(0, 80).join("");
  }

  function entry({ element, first, end, lead }) { // of a section, in the contents
    lead.textContent = leadOf(first, end);
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `#${element.id}`;
    link.style.setProperty("--share", (ends[end] - ends[first]) / total);
    for (const [tag, textContent] of [["b", ""], ["span", lead.textContent]]) {
      link.append(Object.assign(document.createElement(tag), { dir: "auto", textContent }));
    }
    item.append(link);
    return { item, link, label: labelOf(first, end), band: map.band(first, end) };
  }

  function name() {
    if (!data.hasTopics) return;
    const items = sections.flatMap((section, number) => {
      const { element, first, item, link, label, band } = section;
      const hue = HUES[(label < 0 ? number : label) % HUES.length];
      if (section.hue !== hue) for (const { style } of [element, link, band]) style.setProperty("--hue", hue);
      section.hue = hue;
      for (const shown of [section.title, link.firstElementChild]) {
        write(shown, label < 0 ? `Topic ${number + 1}` : data.labels[label]);
      }
      const heading = texts.length > 1 && data.flags[first] & TEXT && element.closest("article").querySelector("h2");
      if (!heading || element.contains(heading)) return [item];
      const title = document.createElement("li");
      return [Object.assign(title, { className: "title", dir: "auto", textContent: heading.textContent }), item];
    });
    place($("contents").firstElementChild, items);
    place(map.bands, sections.map((section) => section.band));
    map.moved();
  }

  function tally() {
    let all = 0;
    for (const { first, end, note } of sections) {
      let sents = 0;
      for (let i = first; i < end; i++) sents += isSent[i];
      all += sents;
      if (!note) continue;
      const p = data.flags[first] & TEXT ? "" : percent(data.topics[first]);
      write(note, [p && `boundary ${p}`, data.hasSents && count(sents, "sentence")].filter(Boolean).join(" · "));
    }
    const facts = [count(ends[n], "character")];
    if (data.hasSents) facts.unshift(count(all, "sentence"));
    if (data.hasTopics) facts.unshift(count(sections.length, "topic"));
    if (texts.length > 1) facts.unshift(count(texts.length, "text"));
    $("facts").textContent = facts.join(" · ");
    show("sent", count(all, "sentence"));
    show("topic", count(sections.length, "topic"));
    $("reset").disabled = threshold.topic === null && threshold.sent === null;
  }

  // Sliders and buttons ---------------------------------------------------------------------------------------------
  function show(name, text) {
    const slider = $(`${name}-slider`);
    const own = threshold[name] === null;
    const at = own ? "as in the Doc" : `above ${(threshold[name] / 100).toFixed(2)}`;
    const output = $(`${name}-control`).querySelector("output");
    output.textContent = `${text}, ${at}`;
    slider.setAttribute("aria-valuetext", `${(slider.value / 100).toFixed(2)}, ${output.textContent}`);
    slider.style.setProperty("--at", (slider.value - 5) / 90);
  }

  function histogram(probs) { // how many places have which probability, on a square-root scale
    const bins = new Array(30).fill(0);
    for (const p of probs) if (p >= 50 && p <= 950) bins[Math.min(29, Math.floor((p - 50) / 30))]++;
    const top = Math.sqrt(Math.max(1, ...bins));
    return "M0 20" + bins.map((b, i) => `V${(20 - 18 * Math.sqrt(b) / top).toFixed(1)}H${3 * (i + 1)}`).join("") + "V20Z";
  }

  for (const [name, probs] of [["topic", data.topics], ["sent", data.sents]]) {
    const start = data[`${name}Threshold`];
    if (start === null) continue;
    const control = $(`${name}-control`), slider = $(`${name}-slider`);
    control.hidden = false;
    control.querySelector("path").setAttribute("d", histogram(probs));
    slider.value = Math.round(start * 100);
    slider.addEventListener("input", onceAFrame(() => { threshold[name] = Number(slider.value); update(name); }));
    $("reset").addEventListener("click", () => { threshold[name] = null; slider.value = Math.round(start * 100); });
  }
  const legend = [];
  if (data.sents.some((p, i) => p > 0 && !(data.flags[i] & TEXT))) {
    legend.push("The bar before a sentence is as high as its boundary is probable; a grey one stands where none starts.");
  }
  if (data.topics.some((p, i) => p > 0 && !(data.flags[i] & TEXT))) legend.push("Dashes in the margin say the same of topics.");
  if (data.hasSents) legend.push("Left and right arrow keys go from sentence to sentence.");
  $("legend").textContent = legend.join(" ");
  const movable = data.sentThreshold !== null || data.topicThreshold !== null;
  $("reset").hidden = !movable;
  $("reset").addEventListener("click", () => update());
  $("fold").hidden = $("contents").hidden = !data.hasTopics;
  $("map").toggleAttribute("hidden", !data.hasTopics);
  $("fold").addEventListener("click", () => {
    const open = !sections.some(({ element }) => element.open);
    for (const { element } of sections) element.open = open;
  });
  $("text").addEventListener("toggle", map.moved, true);
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.dataset.theme = dark ? "light" : "dark";
  });
  $("contents").addEventListener("click", (event) => { // also in a notebook's frame, where links to # do not work
    const section = sections.find(({ link }) => link.contains(event.target));
    if (!section) return;
    event.preventDefault();
    section.element.open = true;
    section.element.scrollIntoView();
    section.element.querySelector("summary").focus({ preventScroll: true });
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    $("text").focus();
  });

  // One sentence at a time ------------------------------------------------------------------------------------------
  let current = -1, end = -1;

  function point(i, spoken = false) {
    for (let k = Math.max(current, 0); k < end; k++) runs[k].classList.remove("hot");
    current = end = -1;
    $("status").textContent = "";
    if (i < 0 || !data.hasSents) return;
    for (current = i; current > 0 && !isSent[current]; current--);
    for (end = i + 1; end < n && !isSent[end]; end++);
    let number = 0;
    for (let k = 0; k <= current; k++) number += isSent[k];
    for (let k = current; k < end; k++) runs[k].classList.add("hot");
    const notes = [`Sentence ${number.toLocaleString("en")}`];
    if (data.sents[current] > 0) notes.push(`boundary ${percent(data.sents[current])}`);
    if (data.topics[current] > 0) notes.push(`topic ${percent(data.topics[current])}`);
    notes.push(count(ends[end] - ends[current], "character"));
    $("status").textContent = notes.join(" · ");
    if (!spoken) return;
    const speech = document.createElement("span");
    speech.className = "quiet";
    speech.textContent = runs.slice(current, end).map((run) => run.textContent).join("");
    $("status").append(speech);
  }

  $("text").addEventListener("pointerover", (event) => {
    const i = event.target.closest(".run")?.index ?? -1;
    if (i < 0 || i < current || i >= end) point(i);
  });
  $("text").addEventListener("pointerleave", () => point(-1));
  $("text").addEventListener("keydown", (event) => {
    if (event.target !== $("text") || !data.hasSents || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const back = (event.key === "ArrowLeft") === (current < 0 || getComputedStyle(runs[current]).direction === "ltr");
    const next = current < 0 ? firstVisible() : back ? current - 1 : end;
    if (next < 0 || next >= n) return;
    const details = runs[next].closest("details");
    if (details) details.open = true;
    point(next, true);
    runs[current].scrollIntoView({ block: "nearest" });
  });

  function firstVisible() {
    const top = map.top(), section = sections[map.sectionAt(top)];
    for (let i = section.first; i < section.end; i++) if (runs[i].getBoundingClientRect().bottom > top) return i;
    return section.first;
  }

  document.documentElement.classList.add("ready");
  update();
})();
