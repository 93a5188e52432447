"""Providers that break one promise each."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from trainer import CompletionRequest, CompletionResult, Message, hookimpl
from trainer.errors import Auth, CompletionError, ConfigError, Overloaded, Transport
from trainer.guarding import within
from trainer.models import Usage
from trainer.testing import CompleteContract
from trainer_openai import OpenAIProvider

from .heavy import HeavyProvider
from .plugins import KEPT, Shared


class Provider(OpenAIProvider):
    """Keeps every promise; the others change what it is asked, or what it answers."""

    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        return self.answered(super().complete(self.asked(request)), request)

    def asked(self, request: CompletionRequest) -> CompletionRequest:
        return request

    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return answer


class ShowsTrimmed(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        shown = request.on_text
        return evolve(request, on_text=(lambda text: shown(text.strip())) if shown else None)


class Nameless(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, provider="")


class Swallows(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except BaseException as error:
            raise Overloaded("something went wrong") from error


class Keeps(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        KEPT.append(request)
        return request


class Shares(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        return evolve(request, prompt=Shared.passed(request.prompt))


class Vague(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except CompletionError as error:
            raise CompletionError(error.problem) from error


class Pretends(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except CompletionError as error:
            return CompletionResult(error.partial, request.model, "openai")


class Trims(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, content=answer.content.strip())


class AlwaysWhole(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, finish="stop")


class DropsParams(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        return evolve(request, params={})


class OneMessage(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        text = "\n".join(message.text for message in request.prompt.messages)
        return evolve(request, prompt=evolve(request.prompt, messages=(Message("user", text),)))


class DropsSchema(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        return evolve(request, schema=None)


class CountsItself(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, usage=Usage(7, len(answer.content)))


class ForgetsCache(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, usage=answer.usage and Usage(answer.usage.input, answer.usage.output))


class HidesLimits(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        return evolve(answer, metadata={})


class Reconnects(Provider):
    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        self._connection.close()
        return answer


class ShowsAtTheEnd(Provider):
    def asked(self, request: CompletionRequest) -> CompletionRequest:
        return evolve(request, on_text=None)

    def answered(self, answer: CompletionResult, request: CompletionRequest) -> CompletionResult:
        if request.on_text:
            request.on_text(answer.content)
        return answer


class CutsOff(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return within(request.timeout, lambda: super(CutsOff, self).complete(request))
        except TimeoutError as error:
            raise Transport("it took too long", "Wait.") from error


class Helpless(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except Transport as error:
            raise Transport(error.problem) from error


class Tells(Provider):
    def __repr__(self) -> str:
        return f"Provider({self.api_key})"


class TellsInErrors(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except CompletionError as error:
            raise type(error)(f"{error.problem} (with {self.api_key})", "Wait.") from error


class AsksWithoutKey(Provider):
    def __attrs_post_init__(self) -> None:
        self.api_key = self.api_key or "none"
        super().__attrs_post_init__()


class MendsKeys(Provider):
    @hookimpl
    def complete(self, request: CompletionRequest) -> CompletionResult:
        try:
            return super().complete(request)
        except (Auth, ConfigError):
            return OpenAIProvider(base_url=self.base_url, api_key="mended").complete(request)


# For each promise a provider that breaks it; what else it breaks does not matter.
PROVIDERS: dict[str, type[OpenAIProvider]] = {
    "test_every_excuse_is_for_something_that_is_tested": Provider,  # with one for what is not
    "test_pieces_of_text_join_to_the_content": ShowsTrimmed,
    "test_an_answer_says_who_gave_it_and_that_it_is_whole": Nameless,
    "test_what_on_text_raises_comes_out_unchanged": Swallows,
    "test_a_request_is_neither_changed_nor_kept": Keeps,
    "test_an_answer_that_breaks_off_is_none": Pretends,
    "test_requests_of_many_threads_are_not_mixed_up": Shares,
    "test_importing_it_imports_nothing_heavy": HeavyProvider,
    "test_a_fault_is_told_as_what_it_is": Vague,
    "test_odd_manners_do_not_change_the_text": Trims,
    "test_a_wrong_content_type_never_makes_another_text": Trims,
    "test_an_answer_that_ends_early_says_so": AlwaysWhole,
    "test_the_limit_of_tokens_reaches_the_server": DropsParams,
    "test_the_prompt_arrives_in_its_order_with_its_roles": OneMessage,
    "test_a_schema_reaches_the_server": DropsSchema,
    "test_tokens_are_those_that_the_server_counted": CountsItself,
    "test_tokens_read_from_a_cache_are_part_of_the_prompt": ForgetsCache,
    "test_tokens_that_nobody_counted_are_unknown": CountsItself,
    "test_what_is_left_until_a_limit_is_told": HidesLimits,
    "test_one_request_is_sent_and_the_connection_used_again": Reconnects,
    "test_leaving_in_the_middle_closes_the_connection": ShowsAtTheEnd,
    "test_a_server_that_keeps_talking_may_take_longer_than_the_timeout": CutsOff,
    "test_nobody_listening_is_told_as_such": Helpless,
    "test_the_key_is_shown_nowhere": Tells,
    "test_a_server_that_repeats_the_key_does_not_give_it_away": TellsInErrors,
    "test_without_a_key_the_variable_to_set_is_named": AsksWithoutKey,
    "test_a_key_that_cannot_be_sent_is_a_wrong_setting": MendsKeys,
    "test_the_policy_of_a_pipeline_holds_around_it": DropsParams,
}


class Completes(CompleteContract):
    model = "openai/fake-large"
    key_variable = "OPENAI_API_KEY"
    kind: type[OpenAIProvider]

    def make(self, url: str, key: str) -> Any:
        return self.kind(base_url=f"{url}/v1", api_key=key)
