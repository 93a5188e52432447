"""What a report leaves behind: its files' front matter, the snapshot of its data, and the run record."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from trainer import parts
from trainer.models import ASSET, CompletionResult, Document, Prompt, Query, Report, RetrievalResult, Source, slug
from trainer.stores import DataStore, StoredData, content_hash

if TYPE_CHECKING:
    from trainer.runs import Run

ENCODER = json.JSONEncoder(ensure_ascii=False)
MARKS = ("figures", "quotes")  # what guards tell of places in a text, see `trainer.guarding.moved`


def sha256(content: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def to_bytes(document: Document) -> bytes:
    """A document as it is written to a file; Markdown carries its metadata but places in it and data, as front matter.

    Each value of the front matter is written as JSON, which YAML 1.2 reads as it is.
    """
    if isinstance(document.content, bytes):
        return document.content
    text = document.content
    if document.format == "markdown" and document.metadata:
        about = ((key, value) for key, value in document.metadata.items() if key not in (*MARKS, "records"))
        lines = [f"{key}: {ENCODER.encode(value)}" for key, value in about]
        text = "\n".join(["---", *lines, "---", "", text.strip(), ""])
    return text.encode("utf-8", "replace")


def placed(document: Document, path: Path) -> dict[Path, bytes]:
    """What has to be written, in this order, so that the document stands at `path`.

    What it shows beside it comes first. It is named by its contents: documents share it, and what is there is left.
    """
    beside = {path.parent / name: content for name, content in document.files.items()}
    missing = {place: content for place, content in beside.items() if not place.is_file()}
    return {**missing, path: to_bytes(document)}


def beside(content: bytes, path: Path) -> dict[str, bytes]:
    """The files that a document shows which was read from `path`, as far as they are there and what their names say."""
    found = {name: path.parent / name for name in map(bytes.decode, re.findall(ASSET.pattern.encode(), content))}
    return {name: data for name, at in found.items() if at.is_file() and sha256(data := at.read_bytes()) in name}


def sums(run: Mapping[str, Any]) -> set[str]:
    """The SHA-256 of each file that a run wrote or shows, by its record."""
    outputs = run["outputs"].values()
    return {digest for output in outputs for digest in (output["sha256"], *output.get("assets", ()))}


def record_of(query: Query, result: RetrievalResult) -> StoredData:
    """A result as the record it would be stored as: under `source:subject:YYYYMMDD`, its lineage as metadata.

    Version 0 says that it is not stored.
    """
    named = query.subject or result.subject or slug("-".join(map(str, query.params.values())))
    subject = "".join("-" if char in ":@" or char.isspace() else char for char in named)
    metadata = {
        **result.metadata,
        "query": query.fingerprint,
        "url": result.url,
        "raw_hash": result.raw_hash,
        "retrieved_at": result.retrieved_at.isoformat(),
        "cached": result.cached,
    }
    key = f"{result.source}:{subject or 'all'}:{result.retrieved_at:%Y%m%d}"
    return StoredData(key, result.data, result.source, 0, result.retrieved_at, result.retrieved_at, metadata)


def keep(store: DataStore, query: Query, result: RetrievalResult) -> StoredData:
    """Store what a query brought, as `record_of` has it, and return the version that holds it."""
    record = record_of(query, result)
    return store.store(record.key, record.data, source=record.source, metadata=record.metadata)


def _retrieved(record: StoredData) -> datetime:
    text = record.metadata.get("retrieved_at")
    return datetime.fromisoformat(text) if text else record.stored_at


def sources_of(prompt: Prompt) -> list[Source]:
    """The lineage of a prompt: one line for each record it was made from."""
    return [
        Source(
            name=name,
            ref=record.ref,
            source=record.source,
            subject=record.key.partition(":")[2].partition(":")[0],
            url=record.metadata.get("url", ""),
            hash=record.hash,
            retrieved=_retrieved(record),
            stale=str(record.metadata.get("stale", "")),
        )
        for name, record in prompt.records.items()
    ]


def _plain(value: Any, *names: str) -> dict[str, Any]:
    """An attrs instance as JSON-like data: the named fields, or all."""
    return attrs.asdict(
        value,
        filter=lambda field, _: not names or field.name in names,
        value_serializer=lambda *item: (
            item[2].isoformat(timespec="seconds") if isinstance(item[2], datetime) else item[2]
        ),
    )


def front_matter(run: Run, prompt: Prompt, answer: CompletionResult, created: datetime) -> dict[str, Any]:
    """What a document says about itself; every key is always there, so that no text can add one."""
    return {
        "title": run.title,
        "run": run.info.id,
        "date": created.isoformat(timespec="seconds"),
        "model": answer.model,
        "writer": answer.provider,
        "instruction": run.instruction.path.name,
        "theme": run.instruction.theme,
        "params": dict(run.params),
        "cost": answer.cost,
        "tokens": answer.tokens_used,
        "prompt": prompt.hash,
        "sources": [_plain(source) for source in sources_of(prompt)],
        "grounding": run.info.told.get("grounding", {}).get("sentence", ""),
        **{name: list(run.info.told.get(name, ())) for name in MARKS},
        "warnings": list(run.warnings),
        "findings": [_plain(finding, "guard", "category", "severity", "message") for finding in run.findings],
    }


def snapshot(about: Mapping[str, Any], prompt: Prompt) -> Document:
    """The data a report was made from, and what in it is from where, as one JSON document; `about` is its metadata."""
    records = [
        {**line, "data": prompt.records[line["name"]].data, "metadata": dict(prompt.records[line["name"]].metadata)}
        for line in about["sources"]
    ]
    data = {key: about[key] for key in ("run", "instruction", "params", "prompt", *MARKS)} | {"records": records}
    return Document(json.dumps(data, ensure_ascii=False, indent=2) + "\n", "json")


def run_record(
    report: Report,
    prompt: Prompt,
    answer: CompletionResult,
    about: Mapping[str, Any],
    told: Mapping[str, Any],
    root: Path,
) -> dict[str, Any]:
    """What is stored about a run: all that analytics, lineage and a repeat of it need.

    `about` is the report's front matter and `told` what guards want to be kept; paths are written relative to `root`.
    """
    outputs: dict[str, Any] = {
        name: {"path": os.path.relpath(path, root), "sha256": sha256(path.read_bytes())}
        for name, path in report.files.items()
    }
    for name, document in report.documents.items():
        if name in outputs and document.files:
            outputs[name]["assets"] = [sha256(content) for content in document.files.values()]
    # Places in the text are many, and stand in the snapshot.
    return {
        **{key: value for key, value in {**about, **told}.items() if key not in MARKS},
        "instruction": {"path": report.instruction, "sha256": content_hash(prompt.instruction.body.text)},
        "text": report.text,
        "outputs": outputs,
        "seconds": dict(report.seconds),
        "completion": dict(answer.metadata),
        "parts": parts.listed(prompt),
    }
