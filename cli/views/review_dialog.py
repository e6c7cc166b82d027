"""A review in the terminal, line by line: a text with all that helps to decide, and a key for each decision."""

import re
from collections.abc import Callable

from rich.console import Console

from evokd.api.record import Answer
from evokd.api.reviewing import Action, MarkingError, Pending, Review, ReviewItem, mark_answer, read_marked
from evokd.cli.markup import literal
from evokd.cli.views.layout import say, say_heading
from evokd.messages import EvokdError, name_set
from evokd.messages.suggest import suggest

_WHY = {
    "disputed": "Labeler and Generator disagree",
    "student disagrees": "the student answers something else",
    "drawn": "drawn at random",
    "all": "",
}
_WORDS = {"accept": "a", "edit": "e", "refuse": "r", "skip": "s", "back": "b", "quit": "q", "help": "?"}
_BLANKS = str.maketrans("\r\n\t", "   ")
"""Line ends and tabs, each as one blank: places in the text stay the same."""
_BETWEEN = re.compile(r"[\s,;]+")
"""What parts numbers or labels of a set."""
_MOST = 2_000
"""Characters of a text that are shown."""


class ReviewDialog:
    """Asks about one text after the other, until all are decided or the person leaves.

    Args:
        console: where texts and questions are shown.
        review: the review that the run waits for.
        read_line: reads what the person types; "" at the end of the input.
    """

    def __init__(self, console: Console, review: Review, read_line: Callable[[], str]) -> None:
        self._console = console
        self._review = review
        self._read_line = read_line

    def ask(self) -> None:
        """Ask until all texts are decided, the person quits, or the input ends."""
        pending = self._review.pending()
        place, shown = self._find_undecided(pending, 0), -1
        visited: list[int] = []
        while place < len(pending.items):
            if place != shown:
                self._show(pending, place)
            shown = place
            typed = self._ask_line("> ")
            if typed is None or (key := self._find_key(pending, typed)) == "q":
                return
            if key == "b":
                place = visited.pop() if visited else place
                continue
            if key == "?":
                shown = -1
            elif self._decide(pending, pending.items[place], key):
                visited.append(place)
                pending = self._review.pending()
                place = self._find_undecided(pending, place + 1)
        say(self._console, "[green]all texts are decided[/]")

    @staticmethod
    def _find_key(pending: Pending, typed: str) -> str:
        """The key that a word stands for, unless a label is called so; anything else as it was typed."""
        word = typed.lower()
        if word in pending.codec.labels:
            return typed
        return _WORDS.get(word, word if len(word) == 1 else typed)

    @staticmethod
    def _find_undecided(pending: Pending, start: int) -> int:
        """The next text without a decision, from a place on, then from the first; the number of texts if none is left.

        A person who went back is led on from there.
        """
        numbers = [*range(start, len(pending.items)), *range(min(start, len(pending.items)))]
        return next((number for number in numbers if pending.items[number].decision is None), len(pending.items))

    def _ask_line(self, prompt: str) -> str | None:
        """A line that the person types; None at the end of the input."""
        self._console.print(prompt, end="", markup=False, highlight=False)
        line = self._read_line()
        return line.strip() if line else None

    # --------------------------------------------------------------------------------------------------- one decision

    def _decide(self, pending: Pending, item: ReviewItem, typed: str) -> bool:
        """Do what was typed; False where nothing was decided."""
        word = typed if typed not in pending.codec.labels else ""
        try:
            if word in ("a", "r", "s"):
                actions: dict[str, Action] = {"a": "accept", "r": "refuse", "s": "skip"}
                self._review.decide(item.id, actions[word])
                return True
            if word == "e" and pending.has_entities:
                return self._edit(pending, item)
            answer = self._find_answer(pending, item, typed)
            if answer is None:
                return False
            self._review.decide(item.id, "correct", answer)
        except (EvokdError, MarkingError) as exc:
            self._complain(str(exc))
            return False
        return True

    def _find_answer(self, pending: Pending, item: ReviewItem, typed: str) -> Answer | None:
        """The answer that a number or a label stands for; None, with a word about it, where it stands for none."""
        if pending.has_sets:
            return self._find_set(pending, typed)
        answers = _list_answers(pending, item)
        if typed.isdecimal() and 1 <= int(typed) <= len(answers):
            return answers[int(typed) - 1]
        labels = () if pending.has_entities else pending.codec.labels
        found = next((label for label in labels if label.casefold() == typed.casefold()), None)
        if found is None:
            keys = "a, e, r, s, b, q" if pending.has_entities else "a, r, s, b, q"
            numbers = f", a number from 1 to {len(answers)}" if answers else ""
            named = "" if pending.has_entities else " or a label"
            self._complain(f"{typed[:40]!r}{suggest(typed[:40], labels)}: type {keys}{numbers}{named}")
        return found

    def _find_set(self, pending: Pending, typed: str) -> Answer | None:
        """The set that numbers or labels stand for, parted by blanks, commas or semicolons; 0 is the empty one."""
        labels = pending.codec.labels
        names = {label.casefold(): label for label in labels} | {str(at): label for at, label in enumerate(labels, 1)}
        whole = names.get(typed.casefold())
        words = [word for word in _BETWEEN.split(typed.casefold()) if word]
        if whole is None and words == ["0"]:
            return []
        if whole is None and (not words or not all(word in names for word in words)):
            strange = next((word for word in words if word not in names), typed)[:40]
            keys = f"a, r, s, b, q, numbers from 1 to {len(labels)}, such as 1 2, 0 for none, or labels"
            self._complain(f"{strange!r}{suggest(strange, labels)}: type {keys}")
            return None
        found = {whole} if whole is not None else {names[word] for word in words}
        return [label for label in labels if label in found]

    def _edit(self, pending: Pending, item: ReviewItem) -> bool:
        text = item.text.translate(_BLANKS)
        say(self._console, f"type the text again with its entities as {literal('[words](label)')}; empty: no change")
        say(self._console, literal(mark_answer(text, _current(item))), 2)
        typed = self._ask_line("marked: ")
        if not typed:
            return False
        # blanks at the ends of a text do not come through a line of a terminal
        before = text[: len(text) - len(text.lstrip())]
        behind = text[len(text.rstrip()) :] if text.strip() else ""
        entities = read_marked(text, f"{before}{typed}{behind}", pending.codec.labels)
        self._review.decide(item.id, "correct", entities)
        return True

    def _complain(self, fault: str) -> None:
        say(self._console, f"[yellow]{literal(fault, 400)}[/]")

    # ----------------------------------------------------------------------------------------------------- one text

    def _show(self, pending: Pending, place: int) -> None:
        item, console = pending.items[place], self._console
        why = f"  [dim]{_WHY.get(item.why, literal(item.why))}[/]" if _WHY.get(item.why, item.why) else ""
        say_heading(console, f"{place + 1} of {len(pending.items)}  {literal(item.id, 60)}{why}")
        if pending.has_entities:
            say(console, f"\u201c{literal(mark_answer(item.text, _current(item)), _MOST)}\u201d")
        else:
            say(console, f"\u201c{literal(item.text, _MOST)}\u201d")
        self._show_opinions(pending, item)
        if item.weakness:
            say(console, f"[dim]written for the weakness: {literal(item.weakness, 150)}[/]", 2)
        if item.decision is not None:
            decided = item.decision
            say(console, f"[green]decided: {decided.action}[/] [dim]by {literal(decided.reviewer, 60)}[/]", 2)
        self._show_keys(pending, item)

    def _show_opinions(self, pending: Pending, item: ReviewItem) -> None:
        sure = f" ({item.student['confidence']:.0%} sure)" if item.student else ""
        for number, opinion in enumerate(item.opinions, start=1):
            who = opinion.who.replace("student", f"student{sure}")
            tint = "bold cyan" if number == 1 and opinion.answer == item.proposed else "default"
            if pending.has_entities:
                shown = opinion.answer == _current(item)
                marked = "as above" if shown else literal(mark_answer(item.text, opinion.answer), _MOST)
                say(self._console, f"[bold]{number}[/] [dim]{who}:[/] {marked}", 2, 2)
            else:
                answer = name_set(opinion.answer) if pending.has_sets else str(opinion.answer)
                say(self._console, f"[dim]{who}:[/] [{tint}]{literal(answer, 80)}[/]", 2, 2)

    def _show_keys(self, pending: Pending, item: ReviewItem) -> None:
        if not pending.has_entities:
            labels = enumerate(pending.codec.labels, start=1)
            named = (f"[bold]{number}[/]={literal(label, 60)}" for number, label in labels)
            say(self._console, "  ".join(named), 2, 2)
        edit = "[bold]e[/] edit  " if pending.has_entities else ""
        number = "[bold]1[/].. answer  " if pending.has_entities else "[bold]1[/].. label  "
        if pending.has_sets:
            number = "[bold]1[/], [bold]1 2[/].. exactly these labels  [bold]0[/] no label  "
        keys = f"[bold]a[/] accept  {number}{edit}[bold]r[/] refuse  [bold]s[/] skip  [bold]b[/] back  [bold]q[/] quit"
        say(self._console, f"[dim]{keys}[/]", 2, 2)


def _current(item: ReviewItem) -> Answer | None:
    """The answer that stands so far."""
    if item.decision is not None and item.decision.answer is not None:
        answer: Answer = item.decision.answer
        return answer
    return item.proposed


def _list_answers(pending: Pending, item: ReviewItem) -> list[Answer]:
    """What numbers stand for: the labels, or for entities the answers that are shown."""
    if pending.has_entities:
        return [opinion.answer for opinion in item.opinions]
    return [*pending.codec.labels]
