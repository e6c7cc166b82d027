"""Review by people: which texts are looked at, decisions and their checks, files, merging, the page in the browser.

Must not know: agents, graph, prompts, simulator, the viewer, or how a run works.
"""
