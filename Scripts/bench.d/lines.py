"""A line of the table of Scripts/bench."""
import statistics
from dataclasses import dataclass, field


@dataclass
class Line:
    """A line of the table: figures by side, one a round, and what they are measured by."""

    title: str
    figures: dict
    unit: str = "/s"
    base: str = None  # the side that the ratio is to
    ratio: float = None  # reach: at least so many times the base
    most: float = None  # reach: at most so much
    least: float = None  # reach: at least so much
    # By side: milliseconds until an answer, and microseconds of the server a command.
    p99: dict = field(default_factory=dict)
    p100: dict = field(default_factory=dict)
    cpu: dict = field(default_factory=dict)
    note: str = None
    hint: bool = False  # not what says whether the reach was met: too small a run, or a quoted one

    def ratios(self, side):
        return [ours / theirs for ours, theirs in zip(self.figures["florin"], self.figures[side])]

    @property
    def met(self):
        if self.hint:
            return None
        figure = statistics.median(self.figures["florin"])
        if self.ratio is not None:
            return self.base in self.figures and statistics.median(self.ratios(self.base)) >= self.ratio
        if self.most is not None:
            return figure <= self.most
        return None if self.least is None else figure >= self.least

    @property
    def reach(self):
        if self.ratio is not None:
            return f"≥ {self.ratio:g} × {self.base}"
        if self.most is not None:
            return f"≤ {self.most:g} {self.unit}".strip()
        return "" if self.least is None else f"≥ {self.least:,.0f}{self.unit}"


def line(title, rounds, **rest):
    """Of what `florin load` reported, by side."""

    def by_side(figure, of):
        return {side: of(run[figure] for run in runs) for side, runs in rounds.items()}

    p99, cpu = by_side("p99", statistics.median), by_side("cpu", statistics.median)
    return Line(title, by_side("rate", list), p99=p99, p100=by_side("max", max), cpu=cpu, **rest)
