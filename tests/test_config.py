"""trainer.toml: found, read, interpolated and changed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from trainer import Config, Pipeline
from trainer.config import Settings, set_value
from trainer.errors import ConfigError, UnknownPlugin, WrongSetting
from trainer.settings import HIDDEN, build
from trainer.testing.memory import Memory


def test_the_file_is_found_by_walking_up(tmp_path: Path) -> None:
    (tmp_path / "trainer.toml").write_text('[pipeline]\nmodel = "a/b"\n')
    deep = tmp_path / "x" / "y"
    deep.mkdir(parents=True)
    found = Config.find(deep)
    assert (found.root, found.pipeline.models) == (tmp_path.resolve(), ("a/b",))


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert Config(root=tmp_path).pipeline.level == "moderate"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[pipeline]\nmodle = 1", "unknown key modle (did you mean 'model'?)"),
        ('[pipeline]\nlevel = "lax"', "must be one of strict, moderate, permissive"),
        ("[pipeline]\nformats = 3", "must be a list (text each)"),
        ("[pipeline]\nmodel = 3", "must be text or a list (text each)"),
        ("pipeline = 3", "'pipeline' in"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "trainer.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        _ = Config.find(tmp_path).pipeline
    assert problem in caught.value.problem


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "trainer.toml").write_text("[pipeline\n")
    with pytest.raises(ConfigError, match="line 1"):
        Config.find(tmp_path)


def test_a_variable_is_read_when_the_value_is_used_and_missing_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(values={"pipeline": {"store": "sqlite:///${WHERE_IT_IS}/x.db"}, "sec": {"key": "${NEVER_SET_KEY}"}})
    pipeline = Pipeline({"store.memory": Memory}, config)
    with pytest.raises(ConfigError, match=r"store in \[pipeline\] .* needs the environment variable WHERE_IT_IS"):
        pipeline.open_store()
    monkeypatch.setenv("WHERE_IT_IS", "/data")
    assert config.pipeline.store == "sqlite:////data/x.db"
    with pytest.raises(UnknownPlugin, match="store 'sqlite'"):
        pipeline.open_store()


def test_what_is_shown_holds_no_secret() -> None:
    config = Config(
        values={
            "sec": {"api_key": "s3cret", "password": "${PASSWORD}", "token_list": ["s3cret"]},
            "pipeline": {"store": "postgresql://me:s3cret@host/db"},
        }
    )
    shown = json.dumps(config.shown())
    assert "s3cret" not in shown
    assert config.shown()["sec"]["password"] == "${PASSWORD}"
    assert f"me:{HIDDEN}@host" in shown


def test_a_wrong_setting_is_told_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE", "canary-secret")
    for table in ({"level": "${DATABASE}"}, {"store": ["postgresql://me:canary-secret@host/x"]}):
        with pytest.raises(WrongSetting) as caught:
            _ = build(Settings, table, "it", "[here]")
        assert "canary-secret" not in str(caught.value)


def test_a_value_is_set_and_the_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "trainer.toml"
    path.write_text('# mine\n[pipeline]\nmodel = "a/b" # for now\n\n[sec]\nrate = 8\n')
    set_value(path, "pipeline.model", "c/d")
    set_value(path, "sec.rate", "4.5")
    set_value(path, "pipeline.formats", '["html"]')
    set_value(path, '"markdown-to-html".theme', "plain")
    text = path.read_text()
    assert "# mine" in text
    assert "# for now" in text
    values = tomllib.loads(text)
    assert values["pipeline"] == {"model": "c/d", "formats": ["html"]}
    assert values["sec"] == {"rate": 4.5}
    assert values["markdown-to-html"] == {"theme": "plain"}


def test_a_key_without_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names no table"):
        set_value(tmp_path / "trainer.toml", "model", "x")


def test_a_wrong_setting_is_a_configuration_error() -> None:
    assert issubclass(WrongSetting, ConfigError)
