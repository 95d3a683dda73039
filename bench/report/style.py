# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
"""The page's style sheet: system fonts, light and dark by the reader's choice."""

STYLE = '''
:root {
  color-scheme: light dark;
  --back: #fff; --text: #1c2024; --soft: #60666d; --rule: #dfe3e6; --card: #f6f7f8;
  --c0: #1668c9; --c1: #d1495b; --c2: #2a9d74; --c3: #b07d12; --c4: #7b4fc0; --c5: #c2571a;
  --rest: #aab2b9; --ref: #8a9299; --met: #1c7c4d; --unmet: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #15181b; --text: #e4e7ea; --soft: #9aa3ab; --rule: #31373d; --card: #1d2125;
    --c0: #5aa2f5; --c1: #f07b8a; --c2: #55c79c; --c3: #dcae48; --c4: #ad8bf0; --c5: #f0955a;
    --rest: #59626a; --ref: #7c858d; --met: #5fd39a; --unmet: #ff8a80;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 0 0 .6rem; }
.lead, figcaption, small { color: var(--soft); }
.lead { margin: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem;
  margin-top: 2rem; }
.tile { background: var(--card); border-radius: .5rem; padding: .9rem 1rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { display: block; font-weight: 600; font-size: .85rem; }
.tile small { font-size: .78rem; line-height: 1.35; display: block; margin-top: .25rem; }
figure { margin: 0 0 2rem; }
figcaption { font-size: .85rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
td:first-child { white-space: normal; min-width: 8rem; }
th { color: var(--soft); font-weight: 600; }
.met { color: var(--met); } .unmet { color: var(--unmet); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .85rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--text); font-size: 13px; }
svg text.small { font-size: 12px; fill: var(--soft); }
.grid { stroke: var(--rule); } .axis { stroke: var(--soft); }
.line { fill: none; stroke-width: 2.2; } .whisker { stroke-width: 1.4; opacity: .7; }
.key { stroke-width: 4; }
.line.s0 { stroke: var(--c0); } .line.s1 { stroke: var(--c1); } .line.s2 { stroke: var(--c2); }
.line.s3 { stroke: var(--c3); } .line.s4 { stroke: var(--c4); } .line.s5 { stroke: var(--c5); }
.line.rest { stroke: var(--rest); }
.dot.s0, .bar.s0 { fill: var(--c0); } .dot.s1, .bar.s1 { fill: var(--c1); }
.dot.s2, .bar.s2 { fill: var(--c2); } .dot.s3, .bar.s3 { fill: var(--c3); }
.dot.s4, .bar.s4 { fill: var(--c4); } .dot.s5, .bar.s5 { fill: var(--c5); }
.bar.rest { fill: var(--rest); }
.line.ref { stroke: var(--ref); stroke-width: 1.6; } .dot.ref { fill: var(--ref); }
.line.r0 { stroke-dasharray: 7 4; } .line.r1 { stroke-dasharray: 2 4; }
.line.r2 { stroke-dasharray: 10 3 2 3; }
@media print { main { max-width: none; } h2 { break-after: avoid; } figure { break-inside: avoid; } }
'''
