"""The page's style and its script."""

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
:root { --paper: #fff; --ink: #1c2430; --soft: #5a6675; --faint: #dfe4ea; --raised: #f5f7f9;
  --complete: #0072b2; --front: #0072b2; --chosen: #d55e00; --pruned: #98a3b0; --fail: #b3261e;
  --resample: #1b7f4d; --fresh: #8a6d00; --independent: #b3261e; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181f; --ink: #e4e8ee;
  --soft: #a4afbd; --faint: #2c333d; --raised: #1c222b; --complete: #56b4e9; --front: #56b4e9;
  --chosen: #f0a030; --pruned: #667280; --fail: #f2b8b5; --resample: #5ec28f; --fresh: #d9b93b;
  --independent: #f2b8b5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 1.2rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; margin: 0.4rem 0; } h2 { font-size: 1.2rem; margin: 2.4rem 0 0.6rem;
  padding-top: 0.7rem; border-top: 1px solid var(--faint); }
p { max-width: 75ch; margin: 0.5rem 0; } .aside, figcaption, small { color: var(--soft);
  font-size: 0.86rem; } small { display: block; font-weight: normal; }
.facts { display: flex; flex-wrap: wrap; gap: 0.6rem 2rem; margin: 1rem 0 0; }
.facts dt { color: var(--soft); font-size: 0.86rem; } .facts dd { margin: 0; font-size: 1.15rem; }
.notes { background: var(--raised); border-left: 4px solid var(--chosen); padding: 0.6rem 2rem;
  margin: 1rem 0; } .said { max-width: 75ch; padding-left: 1.2rem; }
.wide { overflow-x: auto; max-width: 100%; } .wide > div { min-width: 640px; }
table { border-collapse: collapse; font-size: 0.92rem; overflow-wrap: normal; }
th, td { text-align: left; padding: 0.35rem 1.1rem 0.35rem 0; vertical-align: top;
  border-bottom: 1px solid var(--faint); font-variant-numeric: tabular-nums; }
thead th { color: var(--soft); font-weight: normal; } .dense { font-size: 0.8rem; }
td:not(:last-child), thead th { white-space: nowrap; } .dense td { white-space: normal; }
figure { margin: 0.8rem 0; max-width: 500px; } figure:has(img) { max-width: none; }
figcaption { max-width: 75ch; } svg { display: block; width: 100%; height: auto; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr));
  gap: 0 1.5rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr));
  gap: 0.4rem; } .heat { display: grid; gap: 0.4rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); }
.descriptive_statistics { grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); }
.pairs th { font-weight: normal; color: var(--soft); } .stack td:nth-child(2) { font-weight: bold; }
@media screen and (max-width: 640px) { .stack thead { display: none; }
  .stack tr { display: block; padding: 0.5rem 0; border-bottom: 1px solid var(--faint); }
  .stack th, .stack td { display: block; border: 0; padding: 0.05rem 0; white-space: normal; }
  .stack td:empty { display: none; } .stack td::before { content: attr(data-label) ": ";
    color: var(--soft); font-weight: normal; } }
img { max-width: 100%; height: auto; display: block; }
pre { background: var(--raised); padding: 0.7rem 0.9rem; overflow-x: auto; font-size: 0.84rem;
  white-space: pre-wrap; border-radius: 4px; } details { margin: 0.5rem 0; }
summary { cursor: pointer; } a { color: inherit; }
svg text { fill: var(--ink); font-size: 11px; } svg text.title { font-size: 12px; }
svg text.tick, svg text.name { fill: var(--soft); } svg text.name { font-size: 11px; }
svg .grid { stroke: var(--faint); stroke-width: 1; } svg path { fill: none; stroke-width: 1.6; }
svg path.front { stroke: var(--front); stroke-width: 1.2; opacity: 0.7; }
svg path.volume { stroke: var(--complete); stroke-width: 2; }
svg path.resample { stroke: var(--resample); } svg path.fresh { stroke: var(--fresh);
  stroke-dasharray: 5 4; } svg path.independent { stroke: var(--independent);
  stroke-dasharray: 1 3; }
circle.complete { fill: var(--paper); stroke: var(--complete); stroke-width: 1.6; }
circle.front { fill: var(--front); } circle.pruned { fill: var(--pruned); opacity: 0.8; }
polygon.chosen { fill: var(--chosen); stroke: var(--paper); stroke-width: 1; }
rect.bar { fill: var(--complete); } rect.pruned { fill: var(--pruned); }
rect.fail { fill: var(--fail); }
[data-tip] { cursor: default; outline: none; } [data-tip]:hover, [data-tip]:focus {
  stroke: var(--ink); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; font-size: 0.9rem; }
.legend i { display: inline-block; width: 0.75rem; height: 0.75rem; border-radius: 50%;
  margin-right: 0.4rem; }
.legend .complete { border: 2px solid var(--complete); }
.legend .front { background: var(--front); }
.legend .chosen { background: var(--chosen); clip-path: polygon(50% 0, 63% 38%, 100% 38%, 69% 59%,
  82% 100%, 50% 75%, 18% 100%, 31% 59%, 0 38%, 37% 38%); border-radius: 0; }
.legend .pruned { background: var(--pruned); }
#tip { position: fixed; z-index: 2; display: none; max-width: min(22rem, 90vw); padding: 0.45rem
  0.65rem; background: var(--ink); color: var(--paper); border-radius: 4px; font-size: 0.8rem;
  line-height: 1.4; white-space: pre-wrap; overflow-wrap: anywhere; pointer-events: none; }
@media print { body { font-size: 11pt; } details, .facts, figure, picture { break-inside: avoid; }
  #tip { display: none !important; } .wide { overflow: visible; } }
"""

SCRIPT = """
(() => {
  const tip = document.getElementById("tip");
  for (const mark of document.querySelectorAll("[data-tip]")) {
    // The script shows it better than the browser's own tooltip would.
    mark.querySelector("title")?.remove();
    mark.setAttribute("aria-label", mark.dataset.tip);
  }
  const show = (event) => {
    const mark = event.target.closest?.("[data-tip]");
    if (!mark) { tip.style.display = "none"; return; }
    tip.textContent = mark.dataset.tip;
    tip.style.display = "block";
    const at = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - own.width / 2, 6),
      document.documentElement.clientWidth - own.width - 6);
    const above = at.top - own.height - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 4 ? above : at.bottom + 8}px`;
  };
  for (const kind of ["pointerover", "pointerdown", "focusin"]) {
    document.addEventListener(kind, show);
  }
  document.addEventListener("scroll", () => { tip.style.display = "none"; }, { passive: true });
})();
"""
