"""Old settings as a `trainer.toml`: what has a meaning is kept, what has none is listed, no secret is copied."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from trainer.errors import ConfigError
from trainer_migrate.settings import SECTIONS, import_config

OLD = """
prompt_manager: {context_dir: information/context, composition_strategy: hierarchical, cache_enabled: true}
llm_provider: {default_provider: openai, model: gpt-4o, api_key: sk-very-secret, temperature: 0.2}
data_store: {type: sqlite, database_path: data/trainer.db}
data_retriever:
  yahoo_finance: {timeout: 15}
  sec_edgar: {user_agent: "Jane Doe jane@example.org", api_token: hidden-token}
  api: {headers: {Authorization: Bearer hidden-bearer}, proxy: "http://me:hidden-pw@proxy/"}
data_etl: {schedule: "0 5 * * *"}
format_converter: {default_format: html, output_dir: out}
test_agent: {threshold: 0.8}
prompt_security: {strict_mode: true, max_length: 20000}
analytics: {enabled: true}
vector_store: {dimension: 384}
app_builder: {framework: flask}
extras: {colour: red}
"""


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_old_settings_are_taken_over_and_the_rest_is_listed(tmp_path: Path, form: str) -> None:
    import yaml

    file = tmp_path / f"config.{form}"
    file.write_text(OLD if form == "yaml" else json.dumps(yaml.safe_load(OLD)))
    text, left = import_config(file)
    values = tomllib.loads(text)
    assert values["pipeline"] == {
        "context": "information/context", "strategy": "hierarchical", "model": "openai/gpt-4o",
        "store": "sqlite:///data/trainer.db", "formats": ["html"], "output": "out", "level": "strict",
    }  # fmt: skip
    assert values["patterns"] == {"max_length": 20000}
    assert values["yahoo"] == {"timeout": 15}
    assert values["sec"] == {"user_agent": "Jane Doe jane@example.org"}
    told = text + "".join(left)
    assert [word for word in ("sk-very-secret", "hidden-token", "hidden-bearer", "hidden-pw") if word in told] == []
    named = [line.partition(":")[0] for line in left]
    assert "llm_provider.api_key" in named
    assert "data_retriever.sec_edgar.api_token" in named
    assert "extras.colour" in named
    # Each setting of each section is either taken over or listed.
    assert {name.partition(".")[0] for name in named} >= {
        "data_etl",
        "test_agent",
        "analytics",
        "vector_store",
        "app_builder",
    }


@pytest.mark.parametrize(
    ("section", "url"),
    [
        (
            "{type: postgres, host: db, port: 5433, database: t, user: me, password: pw}",
            "postgresql://me:${DATABASE_PASSWORD}@db:5433/t",
        ),
        ("{backend: mongodb, connection_string: 'mongodb://h/t'}", "mongodb://h/t"),
        ("{url: 'postgresql://me:p@ss@h/t'}", "postgresql://me:${DATABASE_PASSWORD}@h/t"),
        ("{url: 'redis://:${PW}@h/0'}", "redis://:${PW}@h/0"),
        ("{type: redis}", "redis://localhost/"),
        ("{path: x.db}", "sqlite:///x.db"),
    ],
)
def test_old_stores_become_urls_without_passwords(tmp_path: Path, section: str, url: str) -> None:
    (tmp_path / "config.yaml").write_text(f"data_store: {section}\n")
    assert tomllib.loads(import_config(tmp_path / "config.yaml")[0])["pipeline"]["store"] == url


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "other: 1", "\x00"])
def test_settings_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(ConfigError, match="Nothing was written"):
        import_config(tmp_path / "config.yaml")


def test_every_section_of_old_settings_is_known() -> None:
    assert len(set(SECTIONS)) == 11
