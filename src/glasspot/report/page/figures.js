"use strict";
// Draws figures, their legends and their buttons. Asks the network for nothing.
const Figures = (function () {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)");
  const inks = {
    light: { ink: "#000000", muted: "#6b747d", faint: "#e6e8eb", paper: "#ffffff" },
    dark: { ink: "#f2f4f6", muted: "#a3acb6", faint: "#31373e", paper: "#14171b",
      "#D55E00": "#ff8a45", "#0072B2": "#5b8cff", "#009E73": "#35c79d" }, // the darker colours, lifted
  };
  const dashes = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3" };
  const figures = {}; // id -> what plotly reads
  const hidden = {}; // figure -> labels that the reader switched off
  const zooms = {}; // figure -> axis -> the range that the reader chose
  const keyed = {}; // figure -> what its legend was made of

  // A copy (plotly writes into what it gets) with this mode's colours where the figure names an ink.
  function inked(value, colours) {
    if (typeof value === "string") return Object.hasOwn(colours, value) ? colours[value] : value;
    if (Array.isArray(value)) return typeof value[0] === "object" ? value.map((v) => inked(v, colours)) : value.slice();
    if (value === null || typeof value !== "object") return value;
    const out = {};
    for (const [key, inner] of Object.entries(value)) {
      out[key] = key === "text" || key === "name" || key === "legendgroup" ? inner : inked(inner, colours);
    }
    if (value.title && value.title.text !== undefined) out.title = { ...value.title };
    return out;
  }

  function made(figure, paper) {
    const colours = paper ? inks.light : inks[dark.matches ? "dark" : "light"];
    const { data, layout } = inked(figure, colours);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.hoverlabel = { bgcolor: colours.paper, bordercolor: colours.muted, font: { color: colours.ink, size: 13 } };
    layout.dragmode = touch.matches ? false : "zoom"; // a finger on a figure scrolls the page
    return { data, layout };
  }

  function draw(id) {
    const { data, layout } = made(figures[id], false);
    for (const [axis, range] of Object.entries(zooms[id])) if (layout[axis]) layout[axis].range = range; // until reset
    const shown = hidden[id];
    for (const trace of data) if (shown.has(trace.legendgroup)) trace.visible = false;
    const plot = document.getElementById(id);
    const listens = plot.classList.contains("js-plotly-plot");
    const drawn = Plotly.react(plot, data, layout, { responsive: true, displayModeBar: false, doubleClick: false });
    if (!listens) {
      plot.on("plotly_relayout", (changed) => noteZoom(id, changed));
      plot.on("plotly_doubleclick", () => actions.reset(id));
    }
    return drawn;
  }

  function noteZoom(id, changed) {
    for (const name of Object.keys(changed)) {
      const axis = (/^([xy]axis\d*)\.range/.exec(name) || [])[1];
      if (axis) zooms[id][axis] = document.getElementById(id).layout[axis].range.slice();
    }
  }

  // A sample of the curve, for its legend entry.
  function sample(trace, colours) {
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    svg.setAttribute("width", "30");
    svg.setAttribute("height", "12");
    svg.setAttribute("aria-hidden", "true");
    const add = (name, attributes) => {
      const node = document.createElementNS(ns, name);
      for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
      svg.appendChild(node);
    };
    const ink = (name) => (Object.hasOwn(colours, name) ? colours[name] : name);
    if (trace.line) {
      add("line", { x1: 0, x2: 30, y1: 6, y2: 6, stroke: ink(trace.line.color), "stroke-width": trace.line.width,
        "stroke-dasharray": dashes[trace.line.dash] || "" });
    }
    if (trace.type === "bar") add("rect", { x: 9, y: 0, width: 12, height: 12, fill: ink(trace.marker.color) });
    else if (trace.marker) {
      const path = { circle: "M11 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", diamond: "M15 0l6 6l-6 6l-6 -6Z",
        x: "M10 1l5 4l5 -4l1 1l-4 4l4 4l-1 1l-5 -4l-5 4l-1 -1l4 -4l-4 -4Z", square: "M11 2h8v8h-8Z",
        "triangle-up": "M15 1l5 9h-10Z", "triangle-down": "M15 11l5 -9h-10Z",
        cross: "M13 1h4v3h3v4h-3v3h-4v-3h-3v-4h3Z" }[trace.marker.symbol];
      add("path", { d: path, fill: ink(trace.marker.color) });
    }
    return svg;
  }

  // The text of a label: plotly's is HTML, here it is read as text, so nothing in it can run.
  function plain(label) {
    return label.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&quot;/g, '"').replace(/&#x27;/g, "'").replace(/&amp;/g, "&");
  }

  function legend(id) {
    const box = document.getElementById(id + "-keys");
    const colours = inks[dark.matches ? "dark" : "light"];
    const seen = new Set();
    const looks = figures[id].data.map((t) => [t.name, t.legendgroup, t.showlegend, t.type, t.line, (t.marker || {}).symbol,
      (t.marker || {}).color]);
    const made = JSON.stringify([dark.matches, looks]);
    if (made === keyed[id] && box.childElementCount) return; // what is under the reader's finger stays
    keyed[id] = made;
    box.replaceChildren();
    for (const trace of figures[id].data) {
      if (trace.showlegend === false || seen.has(trace.legendgroup)) continue;
      seen.add(trace.legendgroup);
      const key = document.createElement("button");
      key.type = "button";
      key.title = "show or hide";
      key.setAttribute("aria-pressed", String(!hidden[id].has(trace.legendgroup)));
      key.append(sample(trace, colours), plain(trace.name));
      key.addEventListener("click", () => {
        const gone = hidden[id];
        if (!gone.delete(trace.legendgroup)) gone.add(trace.legendgroup);
        key.setAttribute("aria-pressed", String(!gone.has(trace.legendgroup)));
        draw(id);
      });
      box.append(key);
    }
  }

  function save(name, text, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function csv(id) {
    const quoted = (text) => '"' + text.replace(/"/g, '""') + '"';
    const rows = [figures[id].data.some((trace) => trace.z) ? "curve,pane,x,y,value" : "curve,pane,x,y,error"];
    for (const trace of figures[id].data) {
      if (trace.hoverinfo === "skip") continue;
      const error = (trace.error_y || trace.error_x || { array: [] }).array;
      const pane = Number(trace.yaxis.slice(1) || 1);
      const cell = (i, j) => [quoted(plain(trace.name)), pane, trace.x[i], trace.y[j], trace.z[j][i] ?? ""].join(",");
      if (trace.z) {
        trace.y.forEach((_, j) => trace.x.forEach((_, i) => rows.push(cell(i, j))));
        continue;
      }
      trace.x.forEach((x, n) => rows.push([quoted(plain(trace.name)), pane, x, trace.y[n] ?? "", error[n] ?? ""].join(",")));
    }
    return rows.join("\n") + "\n";
  }

  function image(id, format) {
    const { data, layout } = made(figures[id], true);
    for (const trace of data) if (hidden[id].has(trace.legendgroup)) trace.visible = false;
    layout.paper_bgcolor = "#ffffff";
    layout.showlegend = true;
    layout.legend = { orientation: "h", y: 1.02, yanchor: "bottom" };
    Plotly.downloadImage({ data, layout }, { format, width: 720, height: layout.height + 60, scale: 2, filename: id });
  }

  const actions = {
    csv: (id) => save(id + ".csv", csv(id), "text/csv"),
    svg: (id) => image(id, "svg"),
    png: (id) => image(id, "png"),
    reset: (id) => {
      zooms[id] = {};
      draw(id);
    },
  };

  // Draw a figure in the place that stands in the page, or draw it again with new numbers: a zoom stays.
  function put(id, figure) {
    figures[id] = figure;
    hidden[id] ||= new Set();
    zooms[id] ||= {};
    legend(id);
    return draw(id);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (button && figures[button.dataset.figure]) actions[button.dataset.do](button.dataset.figure);
    const keep = event.target.closest("button[data-save]");
    if (keep) save(keep.dataset.save, document.getElementById(keep.dataset.from).textContent, "text/plain");
  });
  dark.addEventListener("change", () => {
    for (const id of Object.keys(figures)) {
      legend(id);
      draw(id);
    }
  });
  return { put };
})();
