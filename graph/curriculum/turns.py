"""When it is the Analyst's turn. Pure."""

from collections.abc import Mapping

from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.kinds import Kind

LEAST_ROOM = 12
"""With fewer texts on weaknesses, the Analyst is not asked, whatever the settings call enough."""


def is_analysts_turn(settings: CurriculumSettings, cycle: int, mix: Mapping[Kind, int]) -> bool:
    """Whether it is the Analyst's turn, and enough texts are written that could be about what it finds.

    Args:
        settings: the curriculum section.
        cycle: evolution cycle, from 1.
        mix: kind of text -> number of texts in the cycle.
    """
    rules = settings.analyst
    turn = cycle >= rules.first and (cycle - rules.first) % rules.every == 0
    written = sum(count for kind, count in mix.items() if kind != "real")
    room = round(written * settings.quotas.weaknesses)
    return turn and bool(settings.weaknesses) and room > 0 and room >= min(settings.quotas.least, LEAST_ROOM)
