"""A learned guard: two small linear heads over hashed n-grams, one for parameters and one for documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer import Finding, Stage, hookimpl, plugin
from trainer.errors import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainer import Segment

HEADS = {Stage.INPUT: "prompt", Stage.DATA: "document"}


@plugin
class Classifier:
    """The guard `classifier`: what reads like an attack on a model, whatever its words.

    `rate` is the share of harmless parameters that may be noted, `data_rate` that of harmless pieces of data, of which
    a document has many. How rare a finding is in harmless text goes with it; what follows, the level says.
    """

    rate: float = 0.005
    data_rate: float = 0.002

    def __attrs_post_init__(self) -> None:
        for rate in (self.rate, self.data_rate):
            if not 0 < rate < 1:
                raise WrongSetting(
                    f"the guard 'classifier' cannot note {rate:g} of all harmless texts",
                    "Give a rate between 0 and 1 in trainer.toml, such as 0.005 for one text in 200.",
                )

    @hookimpl
    def secure(self, stage: Stage, segments: Sequence[Segment]) -> list[Finding]:
        """Findings in parameters and in data; those of an operator are instructions by right.

        A prompt is made of both, and they were seen one by one.
        """
        if stage not in HEADS:
            return []
        from trainer_guard.classifier.verdicts import classify

        rate = self.data_rate if stage is Stage.DATA else self.rate
        return [
            finding
            for number, segment in enumerate(segments)
            if segment.trust != "operator"
            for finding in classify(segment.text, HEADS[stage], rate=rate, segment=number)
        ]
