"""What a new project would be made of: each old file with what becomes of it, before anything is written."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files as resources
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import define, evolve, field, frozen

from trainer.config import FILE, Config
from trainer.errors import ConfigError, ConversionError, TrainerError
from trainer.models import slug
from trainer_document.themes import DEFAULT, Theme, checked
from trainer_migrate.instructions import Made, made
from trainer_migrate.layout import KINDS, SETTINGS, Found, files
from trainer_migrate.settings import Adapted, adapt, import_config, themed
from trainer_migrate.snapshots import Reader, Snapshot, in_order, newest

# A link put in the place of a file after it was looked at would lead out, and a pipe would wait for a writer.
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@frozen
class Row:
    """An old file, what becomes of it, and what is to say of that; `fault` and `remedy` if it cannot be taken."""

    file: str
    becomes: str = ""
    note: str = ""
    fault: str = ""
    remedy: str = ""


@frozen
class Told:
    """Something wrong in an old file: `line` is 0 where it is in no one line, `fatal` what stops a run."""

    file: str
    line: int
    message: str
    remedy: str
    fatal: bool


@define
class Plan:
    """All that would be written: `files` by their paths in the new project, as bytes or copied from an old file."""

    old: Path
    new: Path
    reader: Reader
    rows: list[Row] = field(factory=list)
    files: dict[str, bytes | Path] = field(factory=dict)
    snapshots: list[Snapshot] = field(factory=list)
    problems: list[Told] = field(factory=list)

    @property
    def faulty(self) -> bool:
        """Whether something cannot be taken, or cannot run as it is."""
        return any(row.fault for row in self.rows) or any(problem.fatal for problem in self.problems)

    def content(self, target: str) -> bytes:
        """What a file of the new project would hold. Raises `OSError`."""
        content = self.files[target]
        return content if isinstance(content, bytes) else read(content)


def plan(old: Path, new: Path, *, source: str = "", reports: bool = False) -> Plan:
    """Look at the old project and say what would become of it; nothing is written but to a temporary folder.

    `old` may also be a file of settings alone, a `config.yaml`. `source` names where the data is from, if its files do
    not say; with `reports` old reports are copied too. Raises `ConfigError` if one of the folders cannot be used.
    """
    old, new = old.resolve(), new.resolve()
    if old.is_file():
        text, left = import_config(old)
        rows = [Row(old.name, FILE), *_left(old.name, left)]
        return Plan(old, new, Reader(old.parent, {}), rows, {FILE: text.encode()})
    _check_folders(old, new)
    # A folder or file that is a link leads elsewhere.
    settings = next((name for name in SETTINGS if (old / name).is_file() and (old / name).resolve() == old / name), "")
    adapted, rows = _settings(old, settings)
    found = [*files(old, adapted.context)]
    if not any(one.kind != "other" for one in found):
        raise ConfigError(
            f"{old} is no project of the original layout",
            "It has information/context, information/instructions, output/json, output/css, prompt or config.yaml.",
        )
    reader = Reader(old, {one.path: one.inside for one in found if one.kind == "data"}, source)
    done = Plan(old, new, reader, rows)
    kinds = {kind: [one for one in found if one.kind == kind and not one.fault] for kind in KINDS}
    done.rows += [_row(one) for one in found if one.fault or one.kind == "other"]
    _contexts(done, kinds["context"])
    _data(done, kinds["data"])
    texts = _instructions(done, kinds["instruction"])
    themes = _styles(done, kinds["style"], reports)
    _reports(done, kinds["report"], reports)
    for one in kinds["settings"]:
        if one.path != settings:
            done.rows.append(Row(one.path, note=f"stays where it is: {settings} comes first"))
    text, left = themed(adapted.text, themes)
    done.files[FILE] = text.encode()
    done.rows += _left(settings, left)
    done.rows.sort(key=lambda row: row.file)
    done.problems += _problems(done, texts)
    return done


def read(path: Path) -> bytes:
    """The bytes of a file that is no link. Raises `OSError`."""
    with os.fdopen(os.open(path, FLAGS), "rb") as file:
        return file.read()


def _check_folders(old: Path, new: Path) -> None:
    if not old.is_dir():
        raise ConfigError(f"there is no folder {old}", "Name the folder of the old project.")
    if new == old or new.is_relative_to(old):
        raise ConfigError(
            f"the new project {new} would be in the old one, which is not changed",
            "Name a folder outside it, with --to.",
        )
    if old.is_relative_to(new) and old.relative_to(new).parts[0] in ("information", "output", "themes", ".trainer"):
        raise ConfigError(f"{old} is where the new project's own files go", "Name another folder with --to.")
    if new.exists() and not new.is_dir():
        raise ConfigError(f"{new} is a file", "Name a folder with --to.")


def _row(found: Found) -> Row:
    # A name may be bytes that are no text, which could not be shown.
    name = found.path.encode("utf-8", "backslashreplace").decode()
    return Row(name, note=found.note, fault=found.fault, remedy=found.remedy)


def _text(done: Plan, found: Found) -> str | None:
    """The text of an old file; if it is none, a row that says so."""
    try:
        return read(done.old / found.path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault, remedy = f"is not UTF-8: {error.reason} at byte {error.start}", "Save it as UTF-8."
    except OSError as error:
        fault, remedy = f"cannot be read: {error.strerror}", "See who may."
    done.rows.append(Row(found.path, fault=fault, remedy=remedy))
    return None


def _is_free(done: Plan, found: Found, target: str) -> bool:
    """Whether no other file would become `target`; else a row that says so."""
    if target in done.files:
        done.rows.append(Row(found.path, fault=f"would be {target}, as another file would", remedy="Rename it."))
    return target not in done.files


def _contexts(done: Plan, found: Iterable[Found]) -> None:
    for one in found:
        if (text := _text(done, one)) is not None:
            target = f"information/context/{one.inside}"
            if _is_free(done, one, target):
                done.files[target] = text.encode()
                done.rows.append(Row(one.path, target, "" if text.strip() else "is empty"))


def _data(done: Plan, found: Iterable[Found]) -> None:
    snapshots: list[Snapshot] = []
    for one in found:
        try:
            snapshots += done.reader.snapshots(one.path)
        except TrainerError as error:
            problem = error.problem.removeprefix(f"{one.path} ")
            done.rows.append(Row(one.path, fault=problem, remedy=error.remedy))
    done.snapshots = in_order(snapshots)
    by_file: dict[str, list[Snapshot]] = {}
    for snapshot in done.snapshots:
        by_file.setdefault(snapshot.file, []).append(snapshot)
    for file, held in by_file.items():
        shown = [f"{one.key}@{one.version}" for one in held[:3]]
        more = f" and {len(held) - 3} more" if len(held) > 3 else ""
        times = sorted({f"{one.at:%Y-%m-%d %H:%M:%S} UTC by {one.dated}" for one in held})
        note = times[0] if len(times) == 1 else f"{times[0]} … {times[-1]}"
        done.rows.append(Row(file, ", ".join(shown) + more, note))
    for subject, sources in newest(done.snapshots).items():
        data = {source: done.reader.data(snapshot) for source, snapshot in sorted(sources.items())}
        text = json.dumps(data if len(data) > 1 else next(iter(data.values())), ensure_ascii=False, indent=2)
        done.files[f"information/data/{subject}.json"] = f"{text}\n".encode()


def _instructions(done: Plan, found: Iterable[Found]) -> dict[str, tuple[Found, Made]]:
    """The instructions, by where they would be."""
    subjects = sorted(newest(done.snapshots))
    texts: dict[str, tuple[Found, Made]] = {}
    for one in found:
        if (text := _text(done, one)) is None:
            continue
        folder = "information/instructions" + ("" if one.path.startswith("information/") else "/prompt")
        target = f"{folder}/{one.inside}"
        new = Made(text, (), (), 0, 0) if one.path.lower().endswith((".json", ".xml")) else made(text, subjects)
        if not _is_free(done, one, target):
            continue
        done.files[target] = new.text.encode()
        texts[target] = one, new
        told = [f"variables {', '.join(new.variables)}"] if new.variables else []
        told += [f"data {', '.join(new.data)}"] if new.data else []
        done.rows.append(Row(one.path, target, "; ".join(told)))
    return texts


def _styles(done: Plan, found: Iterable[Found], reports: bool) -> dict[str, str]:
    """Style sheets as themes; returns their folders by name."""
    themes: dict[str, str] = {}
    for one in found:
        if (css := _text(done, one)) is None:
            continue
        name = slug(one.inside.stem) or "style"
        name = f"old-{name}" if name == DEFAULT else name
        folder = f"themes/{name}"
        if reports:
            done.files[one.path] = done.old / one.path
        try:
            checked(Theme(name, css=css))
        except ConversionError as error:
            done.rows.append(Row(one.path, fault=error.problem, remedy=error.remedy))
            continue
        if not _is_free(done, one, f"{folder}/style.css"):
            continue
        lines = [f'extends = "{DEFAULT}"']
        lines += ['callouts = ["insights"]'] if ".insights" in css else []
        lines += ['section = "company-section"'] if ".company-section" in css else []
        done.files[f"{folder}/theme.toml"] = ("\n".join(lines) + "\n").encode()
        done.files[f"{folder}/style.css"] = css.encode()
        themes[one.inside.stem] = folder
        done.rows.append(Row(one.path, folder, f"`theme: {folder}` under `output:` in an instruction"))
    return themes


def _reports(done: Plan, found: Iterable[Found], reports: bool) -> None:
    for one in found:
        if reports:
            done.files[one.path] = done.old / one.path
        note = "" if reports else "stays where it is; --reports copies it"
        done.rows.append(Row(one.path, one.path if reports else "", note))


def _settings(old: Path, file: str) -> tuple[Adapted, list[Row]]:
    """The settings of the new project, and what is to say of the old ones."""
    starter = Adapted((resources("trainer") / "starter" / FILE).read_text(encoding="utf-8"))
    if not file:
        return starter, []
    try:
        adapted = adapt(old, file)
    except TrainerError as error:
        problem = error.problem.replace(str(old / file), file)
        return starter, [Row(file, fault=problem, remedy="Write trainer.toml by hand.")]
    return adapted, [Row(file, FILE), *_left(file, adapted.left)]


def _left(file: str, left: Iterable[str]) -> Iterator[Row]:
    for name, _, why in (one.partition(":") for one in left):
        yield Row(f"{file}: {name}", note=f"not taken over: {why.strip()}")


def _problems(done: Plan, texts: Mapping[str, tuple[Found, Made]]) -> Iterator[Told]:
    """What `trainer validate` would say of the new instructions, with the lines of the old ones."""
    from trainer.pipeline import Pipeline
    from trainer.validation import validate

    with TemporaryDirectory(prefix="trainer-migrate-") as folder:
        root = Path(folder)
        for target, content in done.files.items():
            if isinstance(content, bytes) and target.startswith(("information/context/", "information/instructions/")):
                (root / target).parent.mkdir(parents=True, exist_ok=True)
                (root / target).write_bytes(content)
        config = evolve(Config(root), values=tomllib.loads(done.content(FILE).decode()))
        with Pipeline(config=config) as pipeline:
            for target, (found, new) in texts.items():
                for problem in validate(pipeline, root / target):
                    line = new.line(problem.line)
                    yield Told(found.path, line, problem.message, problem.remedy, problem.fatal)
