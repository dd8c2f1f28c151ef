"""How the report looks; it stands in the page itself, which needs nothing beside it."""

STYLESHEET = """
:root { --ink: #26221d; --quiet: #756c61; --line: #e4dccf; --paper: #faf7f1; --card: #fff; --accent: #a03a2c; --cool: #2a6f97 }
* { box-sizing: border-box }
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: var(--ink); background: var(--paper); margin: 0 }
header { background: var(--ink); color: var(--paper); padding: 2.6rem max(1.5rem, calc(50% - 36rem)) }
header h1 { font-size: 2.3rem; margin: 0 0 .3rem } header p { margin: 0; opacity: .8; max-width: 46rem }
main { max-width: 75rem; margin: auto; padding: 0 1.5rem 4rem }
h1, h2, h3 { line-height: 1.2; font-weight: 600 }
h2 { margin: 3rem 0 .8rem; padding-top: .9rem; border-top: 3px solid var(--accent); font-size: 1.6rem }
h3 { margin: 1.8rem 0 .5rem; font-size: 1.12rem }
table, .figures, figcaption, .note { font-family: system-ui, sans-serif }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .88rem; margin: 1rem 0; background: var(--card) }
td { font-variant-numeric: tabular-nums }
th, td { padding: .45rem .8rem; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top }
th { color: var(--quiet); font-weight: 600; border-bottom: 2px solid var(--line); vertical-align: bottom }
th:first-child, td:first-child, th.text, td.text { text-align: left }
tbody tr:last-child td { border-bottom: 0 }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: 1rem; margin: 1.2rem 0 }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.2rem }
.card h3 { margin: 0 } .card p { margin: .5rem 0 }
.card ul { margin: .5rem 0 0; padding-left: 1.1rem; font-size: .88rem } .card code { font-size: .8rem; color: var(--quiet) }
.figures b { display: block; font-size: 1.75rem; line-height: 1.15; color: var(--accent) }
.figures span { display: block; font-size: .85rem; color: var(--quiet); margin-bottom: .5rem }
.grid { background: none; border-spacing: .5rem; border-collapse: separate; margin: 0 -.5rem }
.grid td, .grid th { padding: 0; border: 0; text-align: center; color: var(--quiet); font-size: .85rem; font-weight: 400 }
.grid img { display: block; border-radius: .3rem; width: 100%; min-width: 9rem; max-width: 22rem }
figure { margin: 1rem 0 } figure img { display: block; border-radius: .3rem; max-width: 100% }
figcaption, .note { color: var(--quiet); font-size: .88rem; max-width: 52rem }
img.curve { width: 100%; max-width: 56rem; border: 1px solid var(--line) }
details { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1.2rem }
summary { cursor: pointer; font-family: system-ui, sans-serif }
a { color: var(--cool) }
"""
