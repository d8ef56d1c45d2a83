"use strict";
// Draws the figures of the page, which stand in it as one JSON block.
(function () {
  const given = JSON.parse(document.getElementById("figures").textContent);
  for (const [id, figure] of Object.entries(given)) Figures.put(id, figure);
  document.documentElement.dataset.drawn = "yes";
})();
