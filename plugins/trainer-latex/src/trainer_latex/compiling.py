"""LaTeX to PDF with an engine of the system, in a folder of its own, with limits, without a shell or the network."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from trainer.errors import ConversionError

INSTALL = (
    "Install one: "
    "`apt install texlive-xetex texlive-latex-recommended texlive-fonts-recommended lmodern`, "
    "`dnf install texlive-scheme-basic texlive-xetex`, or `brew install tectonic`. "
    "trainer-typst makes PDFs without either."
)
OUTPUT = 500_000_000  # bytes of any file that an engine writes
PATIENCE = 4  # seconds by the clock to each of processor time

# Limits are set in the process that becomes the engine: what runs between fork and exec here could wait for a lock.
_LIMITED = """
import os, sys
try:
    import resource
    for kind, most in zip(("CPU", "AS", "FSIZE", "CORE"), map(int, sys.argv[1:5])):
        resource.setrlimit(getattr(resource, "RLIMIT_" + kind), (most, most))
except ImportError:
    pass
os.execv(sys.argv[5], sys.argv[5:])
"""
# Specials (`xxx1` and `xxx4` of a DVI file) by which xdvipdfmx reads files or starts programs.
_OPENING = re.compile(
    rb"(?:\xef.|\xf2....)\s*(?:pdf:\s*(?:image|epdf|fstream|mapfile|mapline|tounicode)"
    rb"|psfile|header|ps:|postscriptbox|dvipdfmx:(?!config C 0x))",
    re.DOTALL | re.IGNORECASE,
)
_PASSED = ("PATH", "LANG", "SYSTEMROOT", "TEXMFCNF", "TEXMFROOT", "FONTCONFIG_FILE", "FONTCONFIG_PATH")
_ERROR = re.compile(r"^(?:! |error: )(.+)", re.MULTILINE)
_LINE = re.compile(r"^l\.(\d+)", re.MULTILINE)


def engine() -> tuple[str, str]:
    """The name and the path of the engine to use. Raises `ConversionError` if there is none."""
    for name in ("xelatex", "tectonic"):
        if path := shutil.which(name):
            return name, os.path.abspath(path)  # noqa: PTH100  # a link is not followed: TeX goes by the name
    raise ConversionError("there is no LaTeX: neither xelatex nor tectonic is found", INSTALL)


def compile_source(source: bytes, seconds: int, memory: int, epoch: int) -> bytes:
    """The PDF of a LaTeX file, dated `epoch` (seconds since 1970), the same bytes for the same file and engine.

    Each pass may use `seconds` of processor time and `memory` megabytes of address space (where the system can limit
    them). Raises `ConversionError` for a file over the limits, or one with an error in it.
    """
    name, path = engine()
    with tempfile.TemporaryDirectory(prefix="trainer-latex-") as folder:
        place = Path(folder)
        (place / "report.tex").write_bytes(source)
        for command in _commands(name, path):
            if command[-1].endswith(".xdv"):
                _check((place / command[-1]).read_bytes())
            _run(command, place, seconds, memory, _environment(name, folder, epoch))
        return (place / "report.pdf").read_bytes()


def _commands(name: str, path: str) -> list[list[str]]:
    if name == "tectonic":
        return [[path, "--only-cached", "--untrusted", "--chatter=minimal", "report.tex"]]
    options = ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "-no-pdf", "report.tex"]
    driver = os.path.join(os.path.dirname(path), "xdvipdfmx")  # noqa: PTH118, PTH120  # as above
    return [[path, *options], [path, *options], [driver, "-q", "report.xdv"]]  # links need to know the pages


def _check(pages: bytes) -> None:
    """Raise `ConversionError` for pages that name a file: what makes a PDF of them would open any."""
    if _OPENING.search(pages):
        raise ConversionError("the document tells the PDF driver to open a file", "Take the \\special out of it.")


def _environment(name: str, folder: str, epoch: int) -> Mapping[str, str]:
    """Nothing of this process but where programs and fonts are: a document could print the rest."""
    given = {key: os.environ[key] for key in _PASSED if key in os.environ}
    paranoid = {
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "TEXMFOUTPUT": folder,
        "max_print_line": "1000",
    }
    made = dict.fromkeys(["MKTEXFMT", "MKTEXMF", "MKTEXPK", "MKTEXTFM"], "0")  # scripts that would draw missing fonts
    dated = {"SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1"}
    own = {"HOME": folder, "TEXMFHOME": folder, "TEXMFVAR": folder, "TMPDIR": folder}
    if name == "tectonic":  # its files are in a cache below the home folder
        own = {
            key: os.environ[key]
            for key in ("HOME", "XDG_CACHE_HOME", "TECTONIC_CACHE_DIR", "LOCALAPPDATA")
            if key in os.environ
        }
        own |= {"TECTONIC_UNTRUSTED_MODE": "1"}
    return given | paranoid | made | dated | own


def _run(command: list[str], place: Path, seconds: int, memory: int, environment: Mapping[str, str]) -> None:
    limits = [str(most) for most in (seconds, memory * 1_000_000, OUTPUT, 0)]
    said = place / "said.txt"
    with said.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # an engine by its path, and names of our own
            [sys.executable, "-I", "-S", "-c", _LIMITED, *limits, *command],
            cwd=place, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            code = process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            code = -signal.SIGTERM
        finally:
            _end(process)
    if not code and not any((place / f"report.{kind}").exists() for kind in ("xdv", "pdf")):
        raise ConversionError("LaTeX makes no page of the document", "Put some text into it.")
    if code < 0:
        raise ConversionError(
            f"the document needs more than {seconds} s of processor time or {memory} MB to set",
            'Split it, raise ["latex-to-pdf"] seconds or memory in trainer.toml, or use trainer-typst.',
        )
    if code:
        name = Path(command[0]).name
        raise ConversionError(
            f"{name} cannot set the document: {_told(said)}", f"Mend it. If a file is not found: {INSTALL}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End an engine and what it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _told(said: Path) -> str:
    """The first error that an engine printed, and the line it is in."""
    with said.open("rb") as output:
        text = output.read(10_000_000).decode("utf-8", "replace")
    error, line = _ERROR.search(text), _LINE.search(text)
    words = error[1].strip() if error else (text.strip().splitlines() or ["it does not say why"])[-1]
    return words[:300] + (f" (line {line[1]})" if line else "")
