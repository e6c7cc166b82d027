"""Texts for made records: ordinary ones of realistic sizes, and such as try to break a page or a terminal."""

import random
from dataclasses import dataclass, field

_COMMON = """
order parcel refund card charge plan account login screen app update cancel return invoice month price shop delivery
box courier password page button error money bank week gift address letter number phone cable lamp the a my your this
that it is was has will would please still again never already not and but because since with for from to on in at over
under after before late early wrong missing broken new old second last twice
"""
_WORDS = _COMMON.split()


@dataclass
class Texts:
    """Ordinary texts, the same ones for the same seed."""

    seed: int = 1
    labels: tuple[str, ...] = (
        *("wrong_charge", "refund_pending", "cancel_plan", "change_plan", "app_bug"),
        *("login_trouble", "delivery_trouble", "return_item", "faulty_product", "how_to"),
    )
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._shared = {role: self.write(1100) for role in ("analyst", "generator", "labeler")}

    def write(self, words: int = 24) -> str:
        """Write a text of so many words."""
        return " ".join(self._random.choices(_WORDS, k=words)).capitalize() + "."

    def sample(self) -> str:
        """Write the text of a sample."""
        return self.write()

    def name(self) -> str:
        """Name a weakness, a topic, a value."""
        return self.write(5)[:-1]

    def label(self) -> str:
        """Choose a label."""
        return self._random.choice(self.labels)

    def chance(self) -> float:
        """Draw a number from 0 to 1."""
        return round(self._random.random(), 4)

    def prompt(self, role: str) -> str:
        """The system message of a role: about 6 KB, the same in every call."""
        return self._shared[role]


PWNED = "window.__pwned=1"
"""What a script does that should never have run."""
ATTACKS = (
    f"<script>{PWNED}</script>",
    f'"><img src=x onerror="{PWNED}">',
    f"'><svg onload={PWNED}>",
    f"</script><script>{PWNED}</script>",
    f"</style></title></textarea><script>{PWNED}</script>",
    f"<!--<script>{PWNED}//",
    f"]]><script>{PWNED}</script>",
    f'<a href="javascript:{PWNED}">here</a> [here](javascript:{PWNED})',
    f'<iframe srcdoc="<script>parent.{PWNED}</script>"></iframe>',
    f"{{{{constructor.constructor('{PWNED}')()}}}} ${{{PWNED}}} {{% {PWNED} %}}",
    "a\u202eright to left\u202c b \u2066c\u2069",
    "line\u2028separator\u2029paragraph\u0085next",
    "\\u0000 \\x00 %00 &#0; \ufffe \ufeff",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J \x9b31m \x08\x08\x7f",
    "=cmd|' /C calc'!A1",
    "+SUM(1+1)*cmd|' /C calc'!A0",
    "@import url(http://127.0.0.2/x)",
    "-2+3+cmd|' /C calc'!D2",
    "__proto__",
    "constructor",
    "%s%n%x {} {0} $& \\1",
    "e\u0301" * 40 + "\u200b\u200d\U0001f468\u200d\U0001f469\u200d\U0001f467",
)
"""Texts that something along the way may take for more than texts."""
MEGABYTE = 2**20


@dataclass
class HostileTexts(Texts):
    """Texts every one of which attacks whoever shows it."""

    labels: tuple[str, ...] = (
        *("plain", f"<script>{PWNED}</script>", '"><img src=x onerror=' + PWNED + ">", "__proto__"),
        *("\u202egnol", "=cmd|' /C calc'!A1", "a/b?c#d%2e%2e", "</script>"),
    )

    def __post_init__(self) -> None:
        self._count = self._samples = 0
        super().__post_init__()

    def write(self, words: int = 24) -> str:
        """Write an attack, with ordinary words around it."""
        self._count += 1
        attack = ATTACKS[self._count % len(ATTACKS)]
        return f"{attack} {super().write(words)} {attack}"

    def sample(self) -> str:
        """Write the text of a sample; the third one has a megabyte."""
        self._samples += 1
        attack = ATTACKS[self._samples % len(ATTACKS)]
        return f"{attack} {super().write()} {attack}" + (
            " <b>" + "long text " * (MEGABYTE // 10) if self._samples == 3 else ""
        )
