"""Templates, background and prompts for programs that compose and call a model themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from attrs import field, frozen

from trainer import Brief, Context, DataStore, Instruction, Prompt, StoredData, Template
from trainer.contexts import load_contexts
from trainer.errors import Blocked, InstructionError, StoreError
from trainer_prompts.cache import PromptCache
from trainer_prompts.engines import fill
from trainer_prompts.layouts import PromptComposer
from trainer_prompts.validator import PromptValidator, ValidationResult


class SecurityModule(Protocol):
    """What looks at values before they are filled in; `trainer_guard.SecurityModule` is one."""

    def validate(self, text: str) -> Any:
        """An object with `is_valid` and, if that is false, `errors`."""


@frozen
class PromptTemplate:
    """The text of an instruction: Markdown with `{NAME}` variables, or Jinja, JSON or XML; front matter if it likes."""

    content: str
    path: Path = field(default=Path("instruction.md"), converter=Path)

    @classmethod
    def from_file(cls, path: str | Path) -> PromptTemplate:
        """Read a UTF-8 file. Raises `InstructionError` if it cannot be read."""
        try:
            return cls(Path(path).read_text(encoding="utf-8-sig"), Path(path))
        except (OSError, UnicodeDecodeError) as error:
            raise InstructionError(f"cannot read {path}: {error}", "Name a Markdown file in UTF-8.") from error

    @property
    def instruction(self) -> Instruction:
        """The template as an `Instruction`. Raises `InstructionError` for faulty front matter."""
        return Instruction.parse(self.content, self.path)

    def get_variables(self) -> list[str]:
        """The names of the variables, in the order in which they are first met; of Jinja, those that are declared."""
        return list(self.instruction.variables)

    def get_context_refs(self) -> list[str]:
        """The context files that the front matter lists or, if it lists none, that the text names."""
        instruction = self.instruction
        return list(instruction.references if instruction.contexts is None else instruction.contexts)

    def fill(self, values: Mapping[str, Any]) -> str:
        """The text with every variable filled, once. Raises one `InstructionError` naming every fault."""
        instruction = self.instruction
        params = instruction.resolve(values)
        return instruction.body.fill(params) if instruction.engine == "text" else fill(instruction, params).text


class PromptManager:
    """Composes prompts from templates, the background under `context_dir` and records of a store."""

    def __init__(
        self,
        context_dir: str | Path,
        security_module: SecurityModule | None = None,
        data_store: DataStore | None = None,
        *,
        composer: PromptComposer | None = None,
        cache: PromptCache | None = None,
    ) -> None:
        self.context_dir = Path(context_dir)
        self.security_module = security_module
        self.data_store = data_store
        self.composer = composer or PromptComposer()
        self.cache = PromptCache() if cache is None else cache

    def load_prompt(self, path: str | Path) -> PromptTemplate:
        """The template in a file; raises `InstructionError` if there is none."""
        return PromptTemplate.from_file(path)

    def load_contexts(self, references: Iterable[str]) -> list[Context]:
        """Files under `context_dir`, by their path there or by their name alone, in the order asked for.

        Raises `PathRefused` for what leads out of the folder, and `InstructionError` for a file that is
        missing, with the nearest names, or that several folders have.
        """
        return load_contexts(self.context_dir, references)

    def fill_template(self, template: PromptTemplate, params: Mapping[str, Any]) -> str:
        """The template filled; raises `Blocked` if the security module refuses a value."""
        self._check(params)
        instruction = template.instruction
        if instruction.engine == "text":
            return template.fill(params)
        return fill(instruction, instruction.resolve(params), (self.context_dir,)).text

    def validate(self, template: PromptTemplate | Prompt, max_tokens: int | None = None) -> ValidationResult:
        """Everything that is wrong with a template and the background it names, or with a composed prompt."""
        return PromptValidator(self.context_dir, max_tokens).validate(template)

    def get_cached(self, key: str) -> Prompt | None:
        """The prompt that was cached under `key`, unless a file that it was made from has changed since."""
        return self.cache.get(key)

    def cache_prompt(self, key: str, prompt: Prompt) -> None:
        """Keep a composed prompt under `key`. Its fence is kept too, so do not use it for other data."""
        self.cache.put(key, prompt)

    def compose(
        self,
        template: PromptTemplate,
        params: Mapping[str, Any] | None = None,
        records: Mapping[str, StoredData | str] | None = None,
        strategy: str = "",
    ) -> Prompt:
        """A prompt from a template, the background it names, and records: given, or named by their key.

        Without `strategy`, the template's own is taken, or `sequential`.

        Raises `InstructionError`, `PathRefused`, `StoreError` for a record that is not there, and `Blocked`.
        """
        self._check(params or {})
        instruction = template.instruction
        params = instruction.resolve(params or {})
        brief = Brief(
            instruction=instruction,
            params=params,
            contexts=self.load_contexts(Template(name).fill(params) for name in template.get_context_refs()),
            records={name: self._record(record) for name, record in (records or {}).items()},
            strategy=strategy or instruction.strategy or "sequential",
            folders=(self.context_dir,),
        )
        return self.composer.compose(brief)

    def _record(self, record: StoredData | str) -> StoredData:
        if isinstance(record, StoredData):
            return record
        stored = self.data_store.retrieve(record) if self.data_store else None
        if stored is None:
            raise StoreError(f"there is no record {record}", "Give PromptManager the store that holds it.")
        return stored

    def _check(self, params: Mapping[str, Any]) -> None:
        if self.security_module is None:
            return
        for name, value in params.items():
            verdict = self.security_module.validate(str(value))
            if not verdict.is_valid:
                raise Blocked(f"the value of {name} is refused: {'; '.join(verdict.errors)}", "Mend it.")
