"use strict";
// Keeps the page up to date: asks the server for what has changed, and puts that in place. A laptop may sleep and the
// server may be started again: each question stands for itself.
(function () {
  const PATIENCE = 15000; // ms until a question counts as not answered
  const SLOWEST = 30; // s between two questions while nobody answers, or nobody looks
  const QUIET = 30000; // ms between two things read out, unless the state changes
  const body = document.body;
  const byId = (id) => document.getElementById(id);
  const parts = byId("parts");
  const wanted = new Map(); // figure -> what plotly reads, not drawn yet
  const filled = new WeakMap(); // box -> the HTML in it
  const shown = new Set(); // figures that are in the window or near it
  let tag = body.dataset.tag;
  let again = Number(body.dataset.again);
  let timer = 0;
  let asking = false;
  let failures = 0;
  let heard = Date.now();
  let paused = false;
  let spoken = { at: 0, text: "", state: "" };

  // The token in the address has become a cookie: it need not stand in the history.
  if (location.search) history.replaceState(null, "", location.pathname + location.hash);

  function ask(path, known) {
    const headers = known ? { "If-None-Match": `"${known}"` } : {};
    return fetch(path, { headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE) });
  }

  // Sections

  function element(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    return holder.content.firstElementChild;
  }

  function shell(part) {
    const section = document.createElement("section");
    section.id = part.name;
    if (part.heading) {
      const heading = document.createElement("h2");
      heading.textContent = part.heading;
      section.append(heading);
    } else {
      section.setAttribute("aria-labelledby", "answer-line");
    }
    for (const kind of ["top", "figures", "tables"]) {
      const box = document.createElement("div");
      box.className = kind;
      section.append(box);
    }
    return section;
  }

  const reachable = "a[href], button, [tabindex='0']";

  // New HTML in a box; focus, the scrolling of its boxes and marked text are left as they were. False: not now.
  function fill(box, html) {
    if (filled.get(box) === html) return true;
    const marked = document.getSelection();
    if (marked && !marked.isCollapsed && box.contains(marked.anchorNode)) return false;
    const focused = [...box.querySelectorAll(reachable)].indexOf(document.activeElement);
    const scrolled = [...box.querySelectorAll(".scroll")].map((e) => [e.scrollLeft, e.scrollTop]);
    box.innerHTML = html;
    filled.set(box, html);
    [...box.querySelectorAll(".scroll")].forEach((e, n) => scrolled[n] && e.scrollTo(...scrolled[n]));
    if (focused >= 0) [...box.querySelectorAll(reachable)][focused]?.focus({ preventScroll: true });
    return true;
  }

  function arrange(box, figures) {
    const names = new Set(figures.map((figure) => figure.name));
    for (const plot of box.querySelectorAll(".plot")) {
      if (names.has(plot.id)) continue;
      watcher.unobserve(plot);
      wanted.delete(plot.id);
      shown.delete(plot.id);
      if (window.Plotly) Plotly.purge(plot);
      plot.closest("figure").remove();
    }
    figures.forEach((figure, n) => {
      const place = element(figure.place);
      const plot = byId(figure.name);
      const stands = plot && plot.closest("figure");
      if (!stands) box.insertBefore(place, box.children[n] || null);
      else if (box.children[n] !== stands) box.insertBefore(stands, box.children[n] || null);
      if (stands) caption(stands, place);
      const target = byId(figure.name);
      target.style.minHeight = `${figure.plot.layout.height}px`;
      wanted.set(figure.name, figure.plot);
      watcher.observe(target);
    });
  }

  function caption(figure, fresh) {
    const before = figure.querySelector("figcaption");
    const after = fresh.querySelector("figcaption");
    if (before && after) {
      if (before.innerHTML !== after.innerHTML) before.replaceWith(after);
    } else if (before) before.remove();
    else if (after) figure.querySelector(".tools").before(after);
  }

  // Figures are drawn when they come near the window: a long page costs what is looked at.
  const watcher = new IntersectionObserver(
    (seen) => {
      for (const entry of seen) {
        if (entry.isIntersecting) shown.add(entry.target.id);
        else shown.delete(entry.target.id);
      }
      draw();
    },
    { rootMargin: "300px 0px" },
  );

  function draw() {
    if (!window.Plotly) return;
    for (const id of [...shown]) {
      if (!wanted.has(id) || !byId(id)) continue;
      Figures.put(id, wanted.get(id));
      wanted.delete(id);
    }
    document.documentElement.dataset.drawn = "yes";
  }

  async function fetchPart(part, section) {
    const answer = await ask(`part/${part.name}`, "");
    if (!answer.ok) throw new Error(String(answer.status));
    const content = await answer.json();
    const kept = fill(section.querySelector(".top"), content.top);
    arrange(section.querySelector(".figures"), content.figures);
    if (fill(section.querySelector(".tables"), content.tables) && kept) section.dataset.tag = part.tag;
    section.dataset.full = "yes"; // its figures are known, not only their places
    draw(); // those in the window: their observer has nothing to tell
  }

  async function take(found) {
    byId("kind").textContent = found.kind;
    byId("title").textContent = found.title;
    byId("description").textContent = found.description;
    document.title = found.name;
    const names = new Set(found.parts.map((part) => part.name));
    for (const section of [...parts.children]) {
      if (section.tagName === "SECTION" && !names.has(section.id)) section.remove();
    }
    let whole = true;
    let before = null;
    for (const part of found.parts) {
      const section = byId(part.name) || shell(part);
      const next = before ? before.nextElementSibling : parts.firstElementChild;
      if (section !== next && !(next && next.tagName === "NAV" && next.nextElementSibling === section)) {
        parts.insertBefore(section, next);
      }
      before = section;
      const figures = section.querySelector(".plot") !== null && !section.dataset.full;
      if (section.dataset.tag !== part.tag || figures) await fetchPart(part, section);
      whole = whole && section.dataset.tag === part.tag;
    }
    navigate(found.parts);
    say(found);
    again = found.again_s;
    return whole;
  }

  function navigate(found) {
    const links = found.filter((part) => part.heading);
    const made = JSON.stringify(links.map((part) => part.name));
    let nav = parts.querySelector("nav");
    if (links.length < 2) {
      if (nav) nav.remove();
      return;
    }
    if (!nav) {
      nav = document.createElement("nav");
      nav.setAttribute("aria-label", "Parts of the page");
    }
    if (nav.dataset.made !== made) {
      const focused = document.activeElement.closest("nav") ? document.activeElement.getAttribute("href") : "";
      nav.replaceChildren(...links.map((part) => {
        const link = document.createElement("a");
        link.href = `#${part.name}`;
        link.textContent = part.heading;
        return link;
      }).flatMap((link) => [link, " "]));
      nav.dataset.made = made;
      if (focused) nav.querySelector(`a[href="${focused}"]`)?.focus();
    }
    const first = byId("answer") || parts.firstElementChild;
    if (first.nextElementSibling !== nav) first.after(nav);
  }

  // Read out by a screen reader: seldom, unless the run has ended or goes on.
  function say(found) {
    if (!spoken.text) spoken = { at: Date.now(), text: found.said, state: found.state };
    if (found.said === spoken.text) return;
    if (found.state === spoken.state && Date.now() - spoken.at < QUIET) return;
    spoken = { at: Date.now(), text: found.said, state: found.state };
    byId("said").textContent = found.said;
  }

  // The connection

  function link(is, words) {
    byId("link").dataset.is = is;
    if (byId("link-words").textContent !== words) byId("link-words").textContent = words;
  }

  const clock = () => new Date(heard).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  function lost(words) {
    failures += 1;
    link("lost", words);
    if (failures === 3) byId("said").textContent = words;
  }

  async function look() {
    if (asking || paused) return;
    asking = true;
    clearTimeout(timer);
    try {
      const answer = await ask("state", tag);
      if (answer.status === 403) {
        lost("Started anew with another token: open the address that glasspot watch printed");
      } else if (answer.status !== 304 && !answer.ok) {
        lost(`The server has trouble (${answer.status}); trying again`);
      } else {
        if (answer.headers.get("X-Glasspot-Assets") !== body.dataset.assets) location.reload(); // another glasspot
        if (answer.status === 200) {
          const fresh = answer.headers.get("ETag").replace(/^W\//, "").replace(/"/g, "");
          if (await take(await answer.json())) tag = fresh;
          else tag = "";
        }
        if (failures >= 3) byId("said").textContent = "The server answers again";
        failures = 0;
        heard = Date.now();
        link("live", again > 5 ? "Live, nothing new" : "Live");
      }
    } catch {
      lost(`No answer since ${clock()}; trying again`);
    } finally {
      asking = false;
      later();
    }
  }

  function later() {
    clearTimeout(timer);
    if (paused) return;
    const wait = failures ? Math.min(SLOWEST, 2 ** Math.min(failures, 5)) : document.hidden ? SLOWEST : again;
    timer = setTimeout(look, 1000 * wait);
  }

  const awake = () => document.hidden || look();
  document.addEventListener("visibilitychange", awake);
  window.addEventListener("online", awake);
  window.addEventListener("pageshow", (event) => event.persisted && look());
  byId("pause").addEventListener("click", () => {
    paused = !paused;
    byId("pause").setAttribute("aria-pressed", String(paused));
    byId("pause").textContent = paused ? "Go on" : "Pause";
    if (paused) {
      clearTimeout(timer);
      link("paused", `Paused at ${clock()}`);
    } else look();
  });

  for (const plot of document.querySelectorAll(".plot")) watcher.observe(plot);
  if (window.Plotly) draw();
  else byId("plotly").addEventListener("load", draw);
  tag = ""; // the page holds no figures yet: the first look brings them
  look();
})();
