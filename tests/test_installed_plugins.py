"""Plugins as their authors ship them: real distributions, installed, in an environment of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from trainer import Document, Pipeline, Query, TrainerError
from trainer.catalog import Catalog
from trainer.cli import main
from trainer_document.charts import chart

from .conftest import Environment, write_distribution

RATES = '''"""Interest rates, made up."""
from trainer import Query, RetrievalResult, hookimpl, plugin

@plugin
class Rates:
    """A rate for a currency."""
    rate: float = 2.5
    loud: bool = False

    @hookimpl
    def retrieve(self, query: Query) -> RetrievalResult:
        return RetrievalResult({"currency": query.params["currency"], "rate": self.rate}, "rates")
'''
POINTS = {"trainer.retrieve": {"rates": "toy_rates:Rates"}}
BROKEN = "import a_module_that_nobody_has\n"
SLIPPED = "this is no Python\n"
WRONG = """
from trainer import hookimpl, plugin

@plugin
class Wrong:
    @hookimpl
    def retrieve(self, query):
        return 42

@plugin
class Silent:
    def retrieve(self, query):
        return None

@plugin
class Misfit:
    @hookimpl
    def retrieve(self, query, and_more):
        return None

@plugin
class Raises:
    @hookimpl
    def retrieve(self, query):
        raise LookupError("no such currency")
"""


@pytest.fixture(scope="module")
def environment(environments: Callable[[], Environment], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("toys")
    wrong = {
        "trainer.retrieve": {name.lower(): f"toy_wrong:{name}" for name in ("Wrong", "Silent", "Misfit", "Raises")}
    }
    made = environments()
    made.install(
        write_distribution(folder / "rates", "toy-rates", RATES, POINTS),
        write_distribution(folder / "rival", "toy-rival", RATES.replace("2.5", "9.0"), {"trainer.retrieve": {"rates2": "toy_rival:Rates", "shared": "toy_rival:Rates"}}),
        write_distribution(folder / "other", "toy-other", RATES.replace("2.5", "1.0"), {"trainer.retrieve": {"shared": "toy_other:Rates"}}, "0.2.0"),
        write_distribution(folder / "broken", "toy-broken", BROKEN, {"trainer.retrieve": {"broken": "toy_broken:X"}, "trainer.command": {"break": "toy_broken:run"}}),
        write_distribution(folder / "slipped", "toy-slipped", SLIPPED, {"trainer.retrieve": {"slipped": "toy_slipped:X"}}),
        write_distribution(folder / "wrong", "toy-wrong", WRONG, wrong),
    )  # fmt: skip
    return made


def settings(project: Path, text: str) -> None:
    (project / "trainer.toml").write_text(text)


def test_a_plugin_is_listed_runs_and_takes_its_settings_from_trainer_toml(
    environment: Environment, project: Path
) -> None:
    listed = environment.trainer("plugins", "retrieve", "--json", cwd=project)
    assert {
        "verb": "retrieve",
        "name": "rates",
        "distribution": "toy-rates",
        "version": "0.1.0",
        "state": "",
    } in json.loads(listed.stdout)
    words = ("retrieve", "rates", "currency=CHF", "--no-store", "--json")
    first = environment.trainer(*words, cwd=project)
    assert json.loads(first.stdout)["result"]["data"] == {"currency": "CHF", "rate": 2.5}
    settings(project, "[rates]\nrate = 4\n")
    assert json.loads(environment.trainer(*words, cwd=project).stdout)["result"]["data"]["rate"] == 4.0


@pytest.mark.parametrize(
    ("name", "problem", "remedy"),
    [
        ("broken", "toy-broken 0.1.0 (retrieve 'broken') cannot be imported: it needs the module 'a_module_that_nobody_has'", 'disable = ["toy-broken"]'),
        ("slipped", "toy-slipped 0.1.0 (retrieve 'slipped') cannot be imported: SyntaxError", 'disable = ["toy-slipped"]'),
        ("wrong", "toy-wrong 0.1.0 (retrieve 'wrong') answered with an int, not a RetrievalResult", "Tell the author of toy-wrong"),
        ("silent", "toy-wrong 0.1.0 (retrieve 'silent') has no method 'retrieve' marked with @hookimpl", 'disable = ["toy-wrong"]'),
        ("misfit", "toy-wrong 0.1.0 (retrieve 'misfit') does not fit its hook", 'disable = ["toy-wrong"]'),
        ("raises", "toy-wrong 0.1.0 (retrieve 'raises'): LookupError: no such currency", "--debug"),
    ],
)  # fmt: skip
def test_a_faulty_plugin_is_told_in_two_lines(
    environment: Environment, project: Path, name: str, problem: str, remedy: str
) -> None:
    done = environment.trainer("retrieve", name, cwd=project)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 2
    assert problem in lines[0]
    assert remedy in lines[1]
    assert "Traceback" in environment.trainer("--debug", "retrieve", name, cwd=project).stderr


def test_an_unknown_name_is_answered_with_the_nearest_and_the_distribution_to_install(
    environment: Environment, project: Path
) -> None:
    near = environment.trainer("retrieve", "rate", cwd=project)
    assert near.returncode == 2
    assert "did you mean 'rates'?" in near.stderr
    settings(project, '[plugins]\ndisable = ["trainer-files"]\n')
    disabled = environment.trainer("retrieve", "file", "path=x", cwd=project)
    assert "retrieve 'file' is disabled" in disabled.stderr


def test_two_distributions_with_one_name_conflict_only_when_it_is_used(environment: Environment, project: Path) -> None:
    words = ("retrieve", "shared", "currency=EUR", "--no-store", "--json")
    clash = environment.trainer(*words, cwd=project)
    assert clash.returncode == 2
    assert "toy-other 0.2.0 and toy-rival 0.1.0 both offer retrieve 'shared'" in clash.stderr
    choice = clash.stderr.partition("trainer.toml: ")[2].strip()
    section, _, line = choice.partition(" ")
    settings(project, f"{section}\n{line}\n")
    chosen = environment.trainer(*words, cwd=project)
    assert json.loads(chosen.stdout)["result"]["data"]["rate"] == (1.0 if "toy-other" in line else 9.0)
    assert environment.trainer("retrieve", "rates", "currency=EUR", "--no-store", cwd=project).returncode == 0


@pytest.mark.parametrize(
    ("table", "problem", "remedy"),
    [
        ("rat = 1", "unknown key rat (did you mean 'rate'?)", "Known settings: rate, loud."),
        ('rate = "high"', "rate must be a number, not 'high'", "Mend [rates]"),
        ("loud = 1", "loud must be true or false, not 1", "Mend [rates]"),
        ('rate = "${NOT_SET_ANYWHERE}"', "needs the environment variable NOT_SET_ANYWHERE", "export NOT_SET_ANYWHERE"),
    ],
)
def test_a_wrong_setting_names_the_setting_and_the_file(
    environment: Environment, project: Path, table: str, problem: str, remedy: str
) -> None:
    settings(project, f"[rates]\n{table}\n")
    done = environment.trainer("retrieve", "rates", "currency=EUR", "--no-store", cwd=project)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 2
    assert problem in done.stderr
    assert remedy in done.stderr
    assert environment.trainer("plugins", cwd=project).returncode == 0


def test_broken_plugins_break_neither_help_nor_lists_nor_a_run_that_does_not_name_them(
    environment: Environment, project: Path
) -> None:
    assert environment.trainer("--help", cwd=project).returncode == 0
    assert environment.trainer("plugins", cwd=project).returncode == 0
    run = environment.trainer("run", "information/instructions/figures.md", "-p", "TICKER=ACME", cwd=project)
    assert run.returncode == 0, run.stderr
    checked = environment.trainer("plugins", "--check", cwd=project)
    assert checked.returncode == 1
    assert "a_module_that_nobody_has" in checked.stdout
    command = environment.trainer("break", cwd=project)
    assert command.returncode == 1
    assert "toy-broken 0.1.0 (command 'break') cannot be imported" in command.stderr


def test_a_plugin_without_packaging_is_named_in_trainer_toml(environment: Environment, project: Path) -> None:
    settings(project, '[plugins.local]\n"retrieve.mine" = "toy_rates:Rates"\n[mine]\nrate = 7\n')
    done = environment.trainer("retrieve", "mine", "currency=SEK", "--no-store", "--json", cwd=project)
    assert json.loads(done.stdout)["result"]["data"]["rate"] == 7


MISSING: dict[str, Callable[[], object]] = {
    "pip install 'trainer-core[standard]' trainer-files": lambda: Pipeline({}, {}).retrieve(Query("file")),
    "pip install 'trainer-core[standard]'": lambda: Pipeline({}, {}).retrieve(Query("no-such-source")),
    "pip install 'trainer-openai[embed]'": lambda: Pipeline(SOME, {}).embed(["x"], "openai/any"),
    "pip install 'trainer-sql[postgresql]'": lambda: Pipeline(SOME, {}).open_store("postgresql://x/y"),
    "pip install trainer-markdown trainer-pdf": lambda: Pipeline(SOME, {}).convert(Document("x", "markdown"), "pdf"),
    "pip install trainer-pdf": lambda: Pipeline(
        {"convert.markdown-to-html": "any:Thing"}, {}
    ).convert(Document("x", "markdown"), "pdf"),
    "pip install trainer-vega": lambda: chart('{"type": "vega-lite", "spec": {}}', {}),
}  # fmt: skip
SOME = {"retrieve.mine": "any:Thing"}


@pytest.mark.parametrize("words", MISSING)
def test_what_is_missing_is_named_with_all_that_it_takes(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer_document.charts.entry_points", lambda **_: ())
    with pytest.raises(TrainerError) as caught:
        MISSING[words]()
    assert f"`{words}`" in caught.value.remedy


def test_a_command_that_is_not_here_is_named_with_what_it_comes_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Catalog, "discover", Catalog)
    assert main(["reports"]) == 2
    assert "there is no command 'reports'. Run `pip install trainer-markdown`." in capsys.readouterr().err
