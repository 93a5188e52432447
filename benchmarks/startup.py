"""CPU time of start-up: our commands, alone and with thirty plugins installed, beside other plugin hosts'."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from _bench import BIN, CACHE, ROOT, Bench, Target, command, environment, options, publish, version

TOYS = 30
PLUGIN = """\
from trainer import hookimpl, plugin

@plugin
class Toy:
    @hookimpl
    def retrieve(self, query):
        return None
"""


def wheel(folder: Path, number: int) -> Path:
    """A distribution with one module and one entry point, ready to be installed."""
    module, info = f"toy_{number}", f"toy_{number}-0.1.0.dist-info"
    files = {
        f"{module}.py": PLUGIN,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toy-{number}\nVersion: 0.1.0\nSummary: A toy\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[trainer.retrieve]\ntoy{number} = {module}:Toy\n",
    }
    path = folder / f"{module}-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


def main() -> None:
    args = options(__doc__, rounds=15).parse_args()
    wheels = CACHE / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    core = environment("core", f"--editable={ROOT}")
    toys = environment("toys", f"--editable={ROOT}", *(wheel(wheels, number) for number in range(TOYS)))
    peers = {name: place for name in ("datasette", "llm") if (place := environment(name, name))}
    instruction = min((ROOT / "information" / "instructions").glob("*.md"))
    with tempfile.TemporaryDirectory() as empty:
        here = Path(empty)
        cases = {
            "python -c pass": command(BIN / "python", "-c", "pass", cwd=here),
            "trainer --version": command(BIN / "trainer", "--version", cwd=here),
            "trainer --help": command(BIN / "trainer", "--help", cwd=here),
            "trainer plugins": command(BIN / "trainer", "plugins", cwd=here),
            "trainer validate": command(BIN / "trainer", "validate", instruction, cwd=ROOT),
        }
        if core and toys:
            cases["trainer --help, core alone"] = command(core / "trainer", "--help", cwd=here)
            cases[f"trainer --help, {TOYS} plugins"] = command(toys / "trainer", "--help", cwd=here)
            cases[f"trainer plugins, {TOYS} plugins"] = command(toys / "trainer", "plugins", cwd=here)
        cases["pytest --help"] = command(BIN / "pytest", "--help", cwd=here)
        cases |= {f"{name} --help": command(place / name, "--help", cwd=here) for name, place in peers.items()}
        bench = Bench(cases, args.rounds)
    bare, ours = bench.best("python -c pass"), bench.best("trainer --help")
    targets = [Target("trainer --help / python -c pass", ours / bare, 8)]
    if "llm" in peers:
        targets.append(Target("trainer --help / llm --help", ours / bench.best("llm --help"), 0.1))
    versions = [version(place, name) for name, place in {"trainer-core": BIN, "pytest": BIN, **peers}.items()]
    title, table = "Start-up: CPU time of a whole process", bench.table("python -c pass", "ms")
    publish(args, title, [table], targets, bench.noise, ", ".join(versions))


if __name__ == "__main__":
    main()
