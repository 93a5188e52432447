"""The guard `grounding`: what an answer says that its run's records do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer import Finding, Stage, hookimpl, plugin
from trainer_guard.grounding.result import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer import RunInfo, Segment


@plugin
class Grounded:
    """The guard `grounding`: every figure and quote of an answer is looked up in the records of the run.

    A fault is a medium finding: the level `strict` stops at it, the others note it. Of more than `most` faults the
    rest are counted. A run without records has nothing to be looked up in.
    How many figures trace to a record is kept with the run.
    """

    most: int = 50

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment], run: RunInfo) -> list[Finding]:
        """A finding for each figure that is neither found nor derived, and each quote that stands nowhere."""
        if stage != Stage.OUTPUT or not run.records:
            return []
        from trainer_guard.grounding.grounding import Grounding

        grounding = Grounding(run.records, run.background)
        found: list[Finding] = []
        for number, segment in enumerate(segments):
            result = grounding.check(segment.text)
            faults, run.told["grounding"] = result.faults, result.summary()
            for fault in faults[: self.most]:
                told = explain(segment.text, fault)
                found.append(Finding("grounding", "figure", told, segment=number, span=(fault.start, fault.end)))
            if more := len(faults) - self.most:
                found += [Finding("grounding", "figure", f"and {more:,} more", segment=number)] if more > 0 else []
        return found
