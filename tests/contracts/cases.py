"""The contracts, each on a plugin that keeps it and on those that break one of its promises."""

from __future__ import annotations

from typing import Any

from trainer.testing import (
    AnalyzeContract,
    CommandContract,
    ComposeContract,
    ConvertContract,
    EmbedContract,
    ExecuteContract,
    InterceptContract,
    RetrieveContract,
    SecureContract,
)
from trainer_document.testing import ChartContract

from . import charts as drawn, executors as by, heavy, plugins as of


class Retrieves(RetrieveContract):
    queries = ({"month": "2025-08"}, {"month": "2025-09"})
    refused = ({}, {"month": "2025-13"})
    changes = {"saturdays": True}  # noqa: RUF012 - as a plugin's author writes it


class Secures(SecureContract):
    finds = ("Strictly confidential.", "confidential, and again confidential")
    passes = ("Revenue rose by 3 %.", "")
    changes = {"word": "Strictly"}  # noqa: RUF012


class Composes(ComposeContract):
    pass


class Converts(ConvertContract):
    name = "text-to-turned"
    documents = ("# A title\n\nText ä.\n", "other")
    refused = ("not text",)
    back = of.Turn


class Embeds(EmbedContract):
    changes = {"letters": "aeiou"}  # noqa: RUF012


class Analyzes(AnalyzeContract):
    records = {"a:1": 1, "a:2": {"n": 2}, "b:1": [3]}  # noqa: RUF012
    questions = ({}, {"prefix": "a"})
    refused = ({"prefix": 1},)


class Intercepts(InterceptContract):
    pass


class Commands(CommandContract):
    module = "tests.contracts.plugins"
    calls = ((),)


class Executes(ExecuteContract):
    patience = 4.0


class Draws(ChartContract):
    records = {"facts": [{"value": 1}, {"value": 3}]}  # noqa: RUF012
    fences = ({"title": "Money", "data": "facts"}, {"title": "Money", "data": "facts", "colour": 1})
    refused = ({"data": "facts"},)


JSON = "does not survive JSON"
THREADS = "asked by many threads"
SAME = "the same query has another answer"

# For each plugin the promises that it breaks: a test of its contract, and words of what that test says.
BROKEN: dict[type, dict[Any, dict[str, str]]] = {
    Retrieves: {
        of.Source: {},
        of.Tuples: {"test_what_it_answers_survives_json": f"{JSON}: data['days'] is a tuple"},
        of.Dates: {"test_what_it_answers_survives_json": f"{JSON}: data['first'] is a date"},
        of.Nameless: {"test_an_answer_says_where_and_when_it_came_from": "names no source"},
        of.Timeless: {"test_an_answer_says_where_and_when_it_came_from": "no time zone"},
        of.TellsPassword: {"test_an_answer_says_where_and_when_it_came_from": "shows a password"},
        of.Constant: {"test_different_queries_have_different_answers_and_the_same_one_the_same": "another query"},
        of.Fickle: {
            "test_different_queries_have_different_answers_and_the_same_one_the_same": SAME,
            "test_an_answer_that_is_changed_changes_no_later_one": "copy it",
            "test_queries_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.HandsOutItsCache: {"test_an_answer_that_is_changed_changes_no_later_one": "an object that it keeps"},
        of.ChangesQuery: {"test_a_query_is_not_changed": "has changed the query"},
        of.KeepsQuery: {"test_a_query_is_not_kept": "keeps the query"},
        of.SharesQuery: {"test_queries_of_many_threads_are_not_mixed_up": THREADS},
        of.RaisesKeyErrors: {"test_what_has_no_answer_is_told_by_a_typed_error_in_two_lines": "told as KeyError"},
        of.RaisesTypeErrors: {"test_an_odd_value_is_answered_or_told_by_a_typed_error": "told as TypeError"},
        of.AnswersAnything: {"test_what_has_no_answer_is_told_by_a_typed_error_in_two_lines": "is answered"},
        of.LeavesHelpless: {"test_what_has_no_answer_is_told_by_a_typed_error_in_two_lines": "what to do"},
        of.RaisesVague: {"test_what_has_no_answer_is_told_by_a_typed_error_in_two_lines": "no RetrievalError"},
        of.Deaf: {"test_every_declared_setting_is_honoured": "nothing reads the declared settings pause"},
        of.Stubborn: {"test_every_declared_setting_is_honoured": "saturdays = True changes no answer"},
        of.Untyped: {"test_a_setting_of_the_wrong_type_is_refused": "takes a value of any type"},
        of.Crashes: {
            "test_a_setting_of_the_wrong_type_is_refused": "told as a KeyError",
            "test_every_declared_setting_is_honoured": "KeyError",
        },
        of.TellsKey: {"test_a_secret_among_the_settings_is_not_shown": "'api_key' is shown"},
        of.READY: {"test_a_setting_that_does_not_exist_is_refused": "ready made"},
        heavy.Heavy: {"test_importing_it_imports_nothing_heavy": "imports numpy"},
    },
    Secures: {
        of.Guard: {},
        of.Blind: {"test_it_finds_what_it_says_and_says_in_which_segment": "nothing is found in"},
        of.Misplaces: {"test_it_finds_what_it_says_and_says_in_which_segment": "another segment"},
        of.Alarms: {
            "test_it_finds_what_it_says_and_says_in_which_segment": "another segment",
            "test_harmless_text_passes": "something is found",
        },
        of.Faints: {"test_no_text_makes_it_fail": "the guard fails on"},
        of.Overshoots: {
            "test_it_finds_what_it_says_and_says_in_which_segment": "another segment",
            "test_findings_lie_in_the_text": "names the place",
        },
        of.SaysBytes: {"test_findings_survive_json": "findings do not survive JSON"},
        of.FickleGuard: {
            "test_the_same_text_has_the_same_findings": "something else",
            "test_texts_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.SharesText: {"test_texts_of_many_threads_are_not_mixed_up": THREADS},
        of.KeepsText: {"test_a_text_is_not_kept": "keeps the text"},
        of.Quadratic: {"test_the_time_it_takes_grows_no_faster_than_the_text": "does not end in linear time"},
        of.Exponential: {"test_the_time_it_takes_grows_no_faster_than_the_text": "does not end in linear time"},
    },
    Composes: {
        of.Strategy: {},
        of.ForgetsRecords: {"test_the_prompt_hands_on_what_it_was_made_from": "the report's lineage"},
        of.LeavesVariables: {"test_task_background_and_data_are_in_the_prompt": "the task's heading"},
        of.ForgetsBackground: {"test_task_background_and_data_are_in_the_prompt": "background is not in"},
        of.ForgetsData: {"test_task_background_and_data_are_in_the_prompt": "figure 7310000"},
        of.SaysNothing: {"test_the_model_is_asked_by_a_user_and_no_message_is_empty": "a message is empty"},
        of.TrustsData: {"test_data_is_never_part_of_the_system_message": "data stands in the system message"},
        of.FillsData: {"test_what_data_says_is_not_filled_in": "was filled in"},
        of.FickleStrategy: {
            "test_the_same_brief_makes_the_same_prompt_and_another_brief_another": "makes another prompt",
            "test_briefs_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.FollowsOrder: {"test_the_same_brief_makes_the_same_prompt_and_another_brief_another": "order of the"},
        of.NeedsData: {"test_a_brief_without_data_and_background_makes_a_prompt": "StopIteration"},
        of.ChangesBrief: {"test_a_brief_is_neither_changed_nor_kept": "has changed the brief"},
        of.KeepsBrief: {"test_a_brief_is_neither_changed_nor_kept": "keeps the brief"},
        of.SharesBrief: {"test_briefs_of_many_threads_are_not_mixed_up": THREADS},
        of.CountsData: {"test_odd_data_is_shown_or_told_by_a_typed_error": "told as TypeError"},
    },
    Converts: {
        of.Turn: {},
        of.Trims: {"test_a_document_comes_back_as_it_was": "there and back"},
        of.LosesUnknown: {"test_its_name_and_what_it_says_of_itself_can_be_compared": "loses names colours"},
        of.MakesAnother: {"test_a_document_has_the_format_of_the_name_and_keeps_its_metadata": "'html'"},
        of.ForgetsMetadata: {"test_a_document_has_the_format_of_the_name_and_keeps_its_metadata": "lost run"},
        of.FickleTurn: {
            "test_the_same_document_becomes_the_same_and_another_one_another": "the second time",
            "test_text_and_its_bytes_become_the_same": "another document",
            "test_a_document_comes_back_as_it_was": "there and back",
            "test_documents_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.TakesTextOnly: {
            "test_text_and_its_bytes_become_the_same": "TypeError",
            "test_any_content_is_converted_or_told_by_a_typed_error": "told as TypeError",
        },
        of.ShowsBytes: {"test_text_and_its_bytes_become_the_same": "another document"},
        of.ChangesDocument: {
            "test_a_document_has_the_format_of_the_name_and_keeps_its_metadata": "lost x-own",
            "test_a_document_is_neither_changed_nor_kept": "has changed the metadata",
        },
        of.KeepsDocument: {"test_a_document_is_neither_changed_nor_kept": "keeps the document"},
        of.SharesDocument: {"test_documents_of_many_threads_are_not_mixed_up": THREADS},
        of.RaisesValueErrors: {"test_what_it_cannot_read_is_told_by_a_typed_error_in_two_lines": "told as ValueError"},
        of.ConvertsAnything: {"test_what_it_cannot_read_is_told_by_a_typed_error_in_two_lines": "is answered"},
        of.ReadsCarelessly: {"test_a_damaged_document_is_converted_or_told_by_a_typed_error": "told as IndexError"},
        of.Encodes: {"test_any_content_is_converted_or_told_by_a_typed_error": "told as UnicodeEncodeError"},
    },
    Embeds: {
        of.Letters: {},
        of.Doubles: {"test_it_answers_with_a_float32_matrix_of_a_row_for_each_text": "not float32"},
        of.Flat: {
            "test_it_answers_with_a_float32_matrix_of_a_row_for_each_text": "has 3 dimensions",
            "test_a_vector_depends_on_its_text_alone": "TypeError",
            "test_texts_of_many_threads_are_not_mixed_up": "TypeError",
            "test_any_text_has_finite_numbers_or_a_typed_error": "told as TypeError",
        },
        of.Neighbourly: {"test_a_vector_depends_on_its_text_alone": "changes with its neighbours"},
        of.ClearsTexts: {"test_texts_are_not_changed": "was changed"},
        of.SharesTexts: {"test_texts_of_many_threads_are_not_mixed_up": THREADS},
        of.Divides: {"test_any_text_has_finite_numbers_or_a_typed_error": "told as ZeroDivisionError"},
        of.HasNoNumber: {"test_any_text_has_finite_numbers_or_a_typed_error": "numbers that are none"},
    },
    Analyzes: {
        of.Tally: {},
        of.TallyOfTuples: {"test_what_it_answers_survives_json": f"{JSON}: rows[0]['range'] is a tuple"},
        of.FickleTally: {
            "test_the_same_question_has_the_same_answer": "something else",
            "test_questions_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.MadeUp: {"test_what_is_stored_makes_the_answer": "an empty store has the answer"},
        of.NeedsRecords: {"test_what_is_stored_makes_the_answer": "told as ValueError"},
        of.WritesToTheStore: {"test_the_store_is_left_as_it_was": "was written to"},
        of.ChangesQuestion: {"test_a_question_is_neither_changed_nor_kept": "was changed"},
        of.KeepsQuestion: {"test_a_question_is_neither_changed_nor_kept": "keeps the question"},
        of.SharesQuestion: {"test_questions_of_many_threads_are_not_mixed_up": THREADS},
        of.RaisesNothing: {"test_what_cannot_be_asked_is_told_by_a_typed_error_in_two_lines": "is answered"},
    },
    Intercepts: {
        of.Passes: {},
        of.Swallows: {"test_an_error_comes_out_as_it_was_raised": "DID NOT RAISE"},
        of.Remembers: {
            "test_the_answer_that_comes_out_is_that_of_the_plugin_that_was_asked": "not the one of the source",
            "test_calls_of_many_threads_are_not_mixed_up": THREADS,
        },
        of.SharesAnswers: {"test_calls_of_many_threads_are_not_mixed_up": THREADS},
    },
    Commands: {
        of.greet: {},
        of.unexplained: {"test_it_is_a_command_whose_help_says_what_it_does": "no docstring"},
        of.fails: {"test_it_works_where_it_says_so": "ends with 1"},
        of.lenient: {"test_an_option_that_does_not_exist_ends_with_2": "not with 2"},
        of.plain: {
            "test_it_is_a_command_whose_help_says_what_it_does": "no click command",
            "test_an_option_that_does_not_exist_ends_with_2": "AttributeError",
            "test_it_works_where_it_says_so": "AttributeError",
        },
    },
    Executes: {
        by.OneByOne: {},
        by.Apart: {},
        by.Forgets: {"test_every_task_is_done_and_what_became_of_it_is_handed_on_once": "were never done"},
        by.Repeats: {"test_every_task_is_done_and_what_became_of_it_is_handed_on_once": "done twice"},
        by.Bends: {"test_a_task_comes_back_as_it_was_left": "a task has changed"},
        by.HidesFailures: {"test_a_run_that_fails_is_handed_on_as_failed_and_no_other_is_lost": "there are"},
        by.Shortens: {"test_a_run_that_fails_is_handed_on_as_failed_and_no_other_is_lost": "its error is lost"},
        by.HidesTaken: {"test_a_task_that_another_process_has_is_handed_on_as_none": "hand on None"},
        by.Wraps: {"test_what_work_raises_comes_out_as_it_was_raised": "comes out as RuntimeError"},
        by.Carries: {"test_what_work_raises_comes_out_as_it_was_raised": "DID NOT RAISE"},
        by.Crowds: {
            "test_no_more_tasks_are_under_way_than_jobs": "tasks were under way",
            "test_a_task_is_taken_only_when_there_is_room_for_it": "before they could be begun",
        },
        by.Greedy: {
            "test_a_task_is_taken_only_when_there_is_room_for_it": "before they could be begun",
            "test_when_it_is_stopped_what_is_under_way_comes_to_its_end_and_no_more_begins": "more of 60",
        },
        by.DropsWhatIsUnderWay: {
            "test_when_it_is_stopped_what_is_under_way_comes_to_its_end_and_no_more_begins": "loses"
        },
        by.NeedsTasks: {"test_without_tasks_it_ends_at_once": "StopIteration"},
        by.SharesWork: {"test_batches_of_many_threads_are_not_mixed_up": THREADS},
        by.LeavesThreads: {"test_what_it_opens_is_closed": "leave open: thread"},
        by.LeavesFiles: {"test_what_it_opens_is_closed": "leave open: file"},
        by.GivesUp: {"test_a_task_whose_worker_dies_is_not_lost": "EOFError"},
        by.Pretends: {"test_a_task_whose_worker_dies_is_not_lost": "told as ended, and was not"},
        by.Waits: {"test_a_task_whose_worker_dies_is_not_lost": "does not come to an end"},
        by.NeverCloses: {"test_what_it_opens_is_closed": "was not told to close"},
    },
    Draws: {
        drawn.dots: {},
        drawn.dots_links: {
            "test_a_drawing_is_shapes_and_words_with_a_title_and_its_data_as_a_table": "more than shapes and words",
            "test_hostile_words_stay_words": "markup of the drawing",
        },
        drawn.dots_unnamed: {
            "test_a_drawing_is_shapes_and_words_with_a_title_and_its_data_as_a_table": "no title for who cannot see"
        },
        drawn.dots_tableless: {
            "test_a_drawing_is_shapes_and_words_with_a_title_and_its_data_as_a_table": "not there as a table"
        },
        drawn.dots_fickle: {
            "test_the_same_description_makes_the_same_chart_and_another_one_another": "makes another chart"
        },
        drawn.dots_constant: {
            "test_the_same_description_makes_the_same_chart_and_another_one_another": "the same drawing"
        },
        drawn.dots_lively: {"test_a_chart_survives_json": "through JSON"},
        drawn.dots_invents: {"test_data_that_the_run_has_not_is_never_drawn": "is answered"},
        drawn.dots_crashes: {"test_what_cannot_be_drawn_is_told_by_a_typed_error_in_two_lines": "told as KeyError"},
        drawn.dots_believes: {"test_hostile_words_stay_words": "markup of the drawing"},
        drawn.dots_tidies: {"test_description_and_data_are_not_changed": "was changed"},
    },
}


def called(broken: Any) -> str:
    """The name of a class, a command or an instance."""
    return str(getattr(broken, "__name__", "") or getattr(broken, "name", "") or "Ready").title().replace("_", "")


CASES = {called(broken): (contract, broken) for contract, cases in BROKEN.items() for broken in cases}
for _name, (_contract, _broken) in CASES.items():
    _field = "command" if issubclass(_contract, CommandContract) else "plugin"
    _what = {_field: _broken if isinstance(_broken, type) else staticmethod(_broken)}
    globals()[f"Test{_name}"] = type(f"Test{_name}", (_contract,), {**_what, "__module__": __name__})
