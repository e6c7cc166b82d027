"""A domain with several labels per text, written for the tests: remarks that guests leave in a holiday hut."""

import json
from pathlib import Path

LABELS = {
    "heating": "the stove, the wood for it or the warmth of the rooms is the matter",
    "water": "the tap, the shower, the toilet or anything wet is the matter",
    "kitchen": "pots, plates, the cooker or food stores are the matter",
}
ROWS: list[tuple[str, list[str]]] = [
    ("The stove smoked all evening and the room stayed cold", ["heating"]),
    ("No dry wood was left for the stove", ["heating"]),
    ("It took the stove three hours to warm the bedroom", ["heating"]),
    ("We froze at night because the stove went out", ["heating"]),
    ("Please leave more kindling beside the stove", ["heating"]),
    ("The chimney of the stove needs a sweep soon", ["heating"]),
    ("The bedroom never got warm in spite of the fire", ["heating"]),
    ("The tap drips and kept us awake", ["water"]),
    ("The shower ran brown for a minute, then it was fine", ["water"]),
    ("The toilet tank fills far too slowly", ["water"]),
    ("There is a puddle under the tap every morning", ["water"]),
    ("The shower hose has a leak near the wall", ["water"]),
    ("Rain comes in and there is a wet patch near the toilet", ["water"]),
    ("Somebody should replace the washer of the tap", ["water"]),
    ("Two plates are chipped and a pot has no lid", ["kitchen"]),
    ("The cooker has one ring that does not light", ["kitchen"]),
    ("We used the last of the flour and the salt", ["kitchen"]),
    ("The big pot is burnt black inside", ["kitchen"]),
    ("There were only three plates for five people", ["kitchen"]),
    ("The bread knife is blunt and the pan is warped", ["kitchen"]),
    ("Mice have been at the oats in the food store", ["kitchen"]),
    ("The tap in the kitchen drips onto the plates", ["water", "kitchen"]),
    ("No water came while a pot of beans was burning on the cooker", ["water", "kitchen"]),
    ("The sink leaks into the drawer with the pans", ["water", "kitchen"]),
    ("The food store was wet and the flour had clumped", ["water", "kitchen"]),
    ("We thawed the frozen tap with wood from the stove", ["heating", "water"]),
    ("The pipe to the shower froze because the stove was out", ["heating", "water"]),
    ("The wood was wet from the leak, so the stove would not burn", ["heating", "water"]),
    ("Without a fire in the stove the toilet freezes", ["heating", "water"]),
    ("We had to cook on the stove since the cooker had no gas", ["heating", "kitchen"]),
    ("The pot on the stove boiled over and put out the fire", ["heating", "kitchen"]),
    ("The kettle and two plates broke while we were stacking wood", ["heating", "kitchen"]),
    ("The stove is cold, the tap is frozen and the pots are dirty", ["heating", "water", "kitchen"]),
    ("The fire went out, water ran over the floor and soaked the flour", ["heating", "water", "kitchen"]),
    ("A wonderful week, the view alone is worth the walk", []),
    ("We met the hut warden and played cards until late", []),
    ("The path from the pass is marked well", []),
    ("Our dog loved the meadow behind the hut", []),
    ("Thank you for the books and the old maps", []),
    ("The stars were bright and the silence was a gift", []),
]


def write_domain(folder: Path) -> Path:
    """Write the domain with a third of the rows as seeds, and with validation and test data."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"  {label}: {meaning}" for label, meaning in LABELS.items()]
    head = ["name: hut", "task: multilabel", "language: English", "description: Remarks of guests in a holiday hut."]
    data = ["data:", "  seeds: seeds.jsonl", "  validation: validation.jsonl", "  test: test.jsonl"]
    tail = [*data, "rehearsal:", "  corpus: corpus.jsonl"]
    (folder / "domain.yaml").write_text("\n".join([*head, "labels:", *lines, *tail]) + "\n", encoding="utf-8")
    parts = {"seeds": ROWS[::4], "validation": ROWS[1::4], "test": ROWS[2::4], "corpus": ROWS}
    corpus = [row for place, row in enumerate(ROWS) if place % 4 != 1 and place % 4 != 2]
    for name, rows in {**parts, "corpus": corpus}.items():
        lines = [json.dumps({"text": text, "labels": labels}) for text, labels in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
