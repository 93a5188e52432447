"""How often guards cry wolf on a user's own harmless texts, and findings with that rate."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import evolve, frozen

from trainer.errors import ConfigError, GuardFailed
from trainer.guarding import FAILED
from trainer.models import Finding
from trainer.paths import write_atomic

FILE = ".trainer/calibration.json"
PIECE = 2_000  # characters of a text that count as one


@frozen
class Calibration:
    """Rates of false alarms measured on `pieces` harmless pieces of text.

    `fired` holds for each guard and category (`guard/category`) one number for every piece it fired on, in ascending
    order: the lowest rate the guard itself gave there, or 1 if it gave none.
    """

    pieces: int
    fired: Mapping[str, Sequence[float]]

    def rate(self, finding: Finding) -> float:
        """The share of harmless pieces on which a finding as strong as this one is met.

        One more than was counted, of one more piece: what never fired on 999 pieces may still do so on one in 1,000.
        """
        seen = self.fired.get(f"{finding.guard}/{finding.category}", ())
        return (1 + bisect_right(seen, 1.0 if finding.rate is None else finding.rate)) / (1 + self.pieces)

    def apply(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings with the rates measured here. What is true by construction stays as it is."""
        return [item if item.deterministic else evolve(item, rate=self.rate(item)) for item in findings]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_atomic(path, json.dumps({"pieces": self.pieces, "fired": {**self.fired}}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Calibration | None:
        """The one at `path`, `None` if there is none. Raises `ConfigError` if it cannot be read."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                int(told["pieces"]), {str(name): sorted(map(float, some)) for name, some in told["fired"].items()}
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"cannot read the calibration {path}: {type(error).__name__}",
                "Run `trainer secure calibrate DIR` again, or remove the file.",
            ) from error


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """`text` in pieces of at most `size` characters, cut at ends of lines where there are any."""
    at = 0
    while at < len(text):
        end = at + size
        if end < len(text):
            line = text.rfind("\n", at, end) + 1
            end = line if line > at else end
        yield text[at:end]
        at = end


def calibrate(texts: Iterable[str], find: Callable[[str], Iterable[Finding]]) -> Calibration:
    """Ask guards by `find` about every piece of `texts`, all of them taken to be harmless. Raises `GuardFailed`."""
    count, fired = 0, dict[str, list[float]]()
    for text in texts:
        for piece in pieces(text):
            count += 1
            lowest: dict[str, float] = {}
            for finding in find(piece):
                if finding.category == FAILED:
                    raise GuardFailed(
                        f"guard '{finding.guard}' failed: {finding.message}", "Mend it, or switch it off."
                    )
                if not finding.deterministic:
                    name = f"{finding.guard}/{finding.category}"
                    lowest[name] = min(lowest.get(name, 1.0), 1.0 if finding.rate is None else finding.rate)
            for name, rate in lowest.items():
                fired.setdefault(name, []).append(rate)
    return Calibration(count, {name: sorted(some) for name, some in sorted(fired.items())})


def read_texts(folder: Path) -> Iterator[str]:
    """The text of every file below `folder` that is UTF-8 text, in order of path; hidden ones are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            try:
                yield path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
