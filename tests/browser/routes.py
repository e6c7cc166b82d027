"""The addresses of every kind of page about a run, taken from its record."""

from evokd.api import Run


def list_routes(run: Run) -> list[str]:
    """One route per kind of page, and two for those of cycles."""
    samples, weaknesses, calls = run.samples(), run.weaknesses(), run.calls()
    routes = [
        "overview",
        "cycles",
        "cycle/0",
        "cycle/1",
        "weaknesses",
        "texts",
        "map",
        "scores",
        "calls",
        "graph",
        "settings",
    ]
    routes += [f"sample/{samples[0].id}", f"call/{calls[0].id}"]
    for weakness in weaknesses[:1]:
        routes += [f"weakness/{weakness['id']}", f"case/{weakness['cycle']}/{weakness['evidence'][0]}"]
    return routes
