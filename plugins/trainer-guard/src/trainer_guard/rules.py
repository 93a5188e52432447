"""Known ways of talking to a model from inside a text, as named patterns that take time linear in its length."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from trainer_guard.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trainer.models import Severity

REACH = 160  # characters of folded text around a landmark within which a pattern must match


class Rule(NamedTuple):
    """A pattern on folded text, looked for only near its landmarks: words of which every match contains one.

    Finding words is a hundred times faster than matching patterns, and most texts have none of them.
    """

    name: str
    severity: Severity
    message: str
    landmarks: tuple[str, ...]
    pattern: re.Pattern[str]

    def find(self, folded: str, known: str | None = None) -> Iterator[tuple[int, int]]:
        """Start and end of each match in folded text, in order, without overlaps.

        `known` is the `vocabulary` of the text: a landmark that is not in it is not looked for.
        """
        words = [word for word in self.landmarks if known is None or _known(word, known)]
        for start, end in _merged(sorted(at for word in words for at in _places(folded, word))) if words else ():
            for match in self.pattern.finditer(folded, start, end):
                yield match.span()


def vocabulary(folded: str) -> str:
    """What stands between spaces in a text, each once: a fifth of a page, and so five times as fast to search."""
    return "\n".join(set(folded.split()))


def _known(landmark: str, known: str) -> bool:
    return landmark in known or (" " in landmark and all(part in known for part in landmark.split()))


def _places(text: str, word: str) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + len(word))


def _merged(places: list[int]) -> Iterator[tuple[int, int]]:
    start = end = -1
    for at in places:
        if at - REACH > end:
            if end >= 0:
                yield start, end
            start = max(at - REACH, 0)
        end = at + REACH
    if end >= 0:
        yield start, end


def _rule(name: str, severity: Severity, message: str, landmarks: str, *patterns: str) -> Rule:
    """In a pattern a space stands for what separates two words, `…` for a gap within a sentence.

    Every repetition is bounded, so what is spent at one place of a text is bounded too.
    """
    source = "|".join(patterns).replace("…", r"[^.!?]{0,60}?").replace(" ", r"[\s\"'*_,:;-]{1,4}")
    words = tuple(fold(word) for word in landmarks.split(", "))
    return Rule(name, severity, message, words, re.compile(fold(source, lower=False)))


FORGET = r"\b(?:ignor(?:es?|ing)|disregard(?:ing)?|forget(?:ting)?|overrid(?:e|ing)|overrul(?:e|ing)|bypass|skip)\b"
CANCEL = r"\b(?:cancel|delete|omit|overwrite|defy|erase|discard)\b"
INSTRUCTION = r"\b(?:instruc[a-z]{0,3}ons?|prompts?|programming|directives?)\b"
TOLD = (
    INSTRUCTION + r"|\b(?:directions?|commands?|orders|guidelines|rules|messages?|restrictions?|inputs?|requests?"
    r"|conversations?|context|texts?|everything|anything)\b"
)
BEFORE = r"\b(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|initial|original|before|so far)\b"
ALL = (
    r"(?:(?:all|any|each|every|everything|other|given|the|of|your|my|these|those|that|this|and|past|old|below"
    r"|following|further|future) ){0,5}"
)
SAID = r"(?:(?:all|everything|the|that|which|what|is|was|has|been|said|told|i|you) ){0,6}"
ASK = (
    r"\b(?:reveal|show|print|repeat|output|display|leak|tell|give|share|disclose|write|recite|return|echo|copy"
    r"|list|what (?:is|are|was|were))\b"
)
MODEL = (
    r"(?:ai|llm|(?:large )?language model|chatgpt|gpt(?:-4)?|claude|gemini|chatbot|ai (?:assistant|model|agent))s?\b"
)
LAWLESS = r"(?:dan|unrestricted|unfiltered|uncensored|amoral|jailbroken|evil)\b"
KEYS = r"(?:passwords?|passphrase|api keys?|credentials|secret (?:key|word)s?)\b"

RULES: tuple[Rule, ...] = (
    _rule(
        "chat-marker", "high", "a mark that belongs to the format of chats",
        "<|, [inst], [/inst], <<sys>>, <</sys>>, _of_turn>",
        r"<\|[a-z0-9_\u2581]{2,30}\|>", r"(?<!\w)\[/?inst\]", r"<</?sys>>", r"<(?:start|end)_of_turn>",
    ),
    _rule(
        "data-marker", "high", "a mark like those that fence data off in a prompt",
        "<data-, </data-", r"</?data-[0-9a-f]{8,64}",
    ),
    _rule(
        "override", "medium", "asks to ignore instructions",
        "ignor, disregard, forg, overrid, overrul, bypass, skip, cancel, delete, omit, overwrit, defy, erase, "
        "discard, obey, follow, comply",
        rf"{FORGET}(?=…{BEFORE})…(?:{TOLD})", rf"{FORGET} {SAID}{BEFORE}",
        rf"{FORGET} {ALL}(?:{INSTRUCTION}|\b(?:guidelines|directions|safety (?:protocols|rules))\b)",
        rf"{FORGET} (?:everything|every thing|all|what) (?:that )?you(?: have|'ve| were)? (?:been )?(?:told|know)\b",
        rf"{CANCEL} {ALL}{BEFORE} (?:given )?{INSTRUCTION}",
        rf"(?:{BEFORE}|\byour) {INSTRUCTION}…\b(?:ignored|disregarded|forgotten)\b",
        r"\b(?:do not|don't|never|stop|without) (?:follow|obey|comply)[a-z]{0,3}\b[\s\w]{0,20}"
        rf"(?:{BEFORE}|\b(?:your|system)) (?:{TOLD})",
    ),
    _rule(
        "override-translated", "medium",
        "asks to ignore instructions, in another language than English",
        "ignor, vergiss, vergess, missacht, oubli, olvid, esqu, dimentic, игнорир, забуд, 忽略, 无视, 忽視, 忘记, "
        "無視, 무시, تجاهل, talimat, komut, yönerge, pomiń, zapomnij, negeer, vergeet, ігнору, निर्देश, bỏ qua, abaikan, "
        "lupakan, glöm, glem",
        r"\b(?:ignorier|vergiss|vergess|missacht)[a-z]{0,4}\b…\b(?:anweisung|instruktion|vorgabe|befehl|davor\b|zuvor\b"
        r"|vorherig|obige|bisherige)",
        r"\b(?:ignor|oubli)[a-z]{1,5}\b…"
        r"\b(?:consignes|précédent|(?:les|ces|tes|vos|aux) (?:instructions|directives|règles))",
        r"\b(?:ignor|olvid|esque[cç]|dimentic)[a-z]{1,5}\b…\b(?:instruccion|indicacion|órdenes|instruç(?:ão|ões)|istruzioni"
        r"|anterior|precedenti)",
        r"\b(?:про)?(?:игнорир|забуд)[а-я]{1,6}…(?:инструкц|указани|команд|предыдущ)",
        r"(?:忽略|无视|忽視|忘记)[^。！？]{0,20}(?:指令|指示|提示|规则|規則)",
        r"(?:指示|命令|指令|プロンプト)[^。！？]{0,20}無視",
        r"(?:지시|명령|지침|프롬프트)[^.!?]{0,20}무시",
        r"تجاهل…(?:التعليمات|تعليمات|الأوامر|الإرشادات)",
        r"\b(?:talimat|komut|yönerge)[a-zı]{0,10}\b…\b(?:yok say|görmezden|unut|dikkate alma)",
        r"\b(?:z?ignoruj|pomiń|zapomnij)[a-z]{0,4}\b…\b(?:instrukcj|polece|wytyczn)",
        r"\b(?:negeer|vergeet)\b…\b(?:instructie|opdracht|aanwijzing)",
        r"\b(?:про)?(?:ігнору|забудь)[а-яі]{0,5}…(?:інструкц|вказівк|команд)",
        r"निर्देश[^।.!?]{0,30}(?:अनदेखा|नज़रअंदाज|भूल)",
        r"\bbỏ qua\b…\b(?:hướng dẫn|chỉ dẫn|chỉ thị|lệnh)",
        r"\b(?:abaikan|lupakan)\b…\b(?:instruksi|perintah)",
        r"\b(?:ignorera?|glöm|glem)\b…\b(?:instruktion|instruks|anvisning)",
    ),
    _rule(
        "new-instructions", "medium", "sets instructions of its own", "instruction, prompt, task, programming, purpose",
        r"\byour (?:new|real|actual|true) (?:instructions?|task|purpose|programming)\b",
        r"\bnew (?:system )?(?:instructions?|prompt)\s{0,2}:",
        r"\b(?:change|update|replace|rewrite|overwrite) (?:your|the system) (?:instructions?|prompt|programming)\b",
        r"\b(?:begin|start|end|close)(?: of)?(?: the| your)?(?: system| previous| hidden) (?:prompt|instructions?)\b",
    ),
    _rule(
        "prompt-extraction", "medium", "asks for the instructions of the model",
        "instruc, prompt, programming, directive, system message, words above, text above, everything above",
        rf"{ASK}[^.!?]{{0,30}}(?:\b(?:your|system|initial|original|hidden|secret)|{BEFORE}) "
        rf"(?:(?:system|initial|full|entire|complete|previous|first|last|exact|own) ){{0,2}}"
        rf"(?:{INSTRUCTION}|system message)",
        rf"{ASK}[^.!?]{{0,40}}{INSTRUCTION} (?:that )?you(?: were| have been|'ve been| got| received)",
        r"\b(?:repeat|print|output|copy|recite|echo)\b[^.!?]{0,30}\b(?:words|text|everything) above\b",
    ),
    _rule(
        "secrecy", "medium", "asks to keep something from the reader",
        "tell, mention, inform the, informing, alert, reveal, notify, letting, let the",
        r"\b(?:do not|don't|never|without|avoid|must not|should not) (?:[a-z]{1,12} )?"
        r"(?:tell|mention|inform|alert|reveal|notify|let)(?:t?ing)?\b[^.!?]{0,30}\b(?:the|to|this) "
        r"(?:user|human|reader|operator)\b",
    ),
    _rule(
        "jailbreak", "medium", "asks the model to drop its limits",
        "do anything now, developer mode, god mode, dan, unrestricted, unfiltered, uncensored, amoral, jailbroken, "
        "evil, openai, content polic, confines, ethical, restrictions",
        r"\b(?:do anything now|developer mode (?:enabled|output)|(?:dan|god|evil) mode)\b",
        rf"\b(?:act|respond|answer|behave|reply|pretend)\b[^.!?]{{0,30}}\b(?:as|like|to be) (?:an? )?{LAWLESS}",
        rf"\byou (?:are|will be|must be) (?:now )?(?:an? )?{LAWLESS}",
        r"\b(?:amoral|unfiltered|uncensored)\b[^.!?]{0,20}\b(?:amoral|unfiltered|uncensored|chatbot|ai|responses?)\b",
        r"\b(?:free of|free from|no longer|not|without|unbound by|ignores?|bypass(?:es)?)\b[^.!?]{0,40}"
        r"\b(?:openai|content polic(?:y|ies)|ethical guidelines|confines of ai)\b",
        r"\bfree of all restrictions\b|\bethical or moral guidelines\b",
    ),
    _rule(
        "addresses-model", "medium", "speaks to a model and not to a reader",
        "if you are a, if you're a, attention, note to, message to, dear",
        rf"\bif you(?: are|'re) (?:an? )?{MODEL}",
        rf"\b(?:attention|note to|message to|dear) (?:(?:all|any|the|every) )?{MODEL}\s{{0,2}}[:,!]",
    ),
    _rule(
        "exfiltration", "medium", "asks to send data away",
        "conversation, chat history, password, passphrase, api key, credential, secret, user data, system prompt, "
        "](http, ](//, src=",
        r"\b(?:send|post|upload|forward|transmit|exfiltrate|e-?mail|append|submit)\b[^.!?]{0,60}"
        rf"\b(?:{KEYS}|(?:conversation|chat history|secrets|user data|system prompt)\b)[^.!?]{{0,40}}"
        r"(?:\bto\b|https?:|\bwebhook)",
        r"(?:!\[[^\]\n]{0,80}\]\(|\bsrc=[\"']?)(?:https?:)?//[^\s)\"'>]{0,120}"
        r"[=/](?:\{|\[|<|\$|%7b|your|data\b|secret|prompt|conversation)",
    ),
    _rule(
        "remote-image", "low", "an image from elsewhere, whose address carries a query", "](http, ](//",
        r"!\[[^\]\n]{0,80}\]\(<?(?:https?:)?//[^\s)?]{1,120}\?[^\s)]{1,120}",
    ),
    _rule(
        "role-line", "low", "a line that begins like a message of a chat", "system, assistant, human",
        r"(?:^|\n)[\x20\t#>*\[<_-]{0,8}(?:system|assistant|human)(?: (?:message|prompt|override|note))?[\s\]>*_]{0,4}:",
    ),
    _rule(
        "secret-request", "low", "asks for a password or a key",
        "password, passphrase, secret, api key, credential", rf"{ASK}[^.!?]{{0,40}}\b(?:{KEYS})",
    ),
    _rule(
        "persona", "low", "gives the model another role from here on",
        "from now on, henceforth, you are no longer, instead",
        r"\b(?:from now on|henceforth) (?:[a-z]{1,12} )?you\b|\byou are no longer\b",
        r"\binstead (?:just |only |please |simply )?(?:say|print|output|reply|respond|reveal)\b",
    ),
)  # fmt: skip
# What is looked for in a text that is turned (backwards, ROT13): nobody turns a hint.
TURNED = tuple(
    rule for rule in RULES if rule.severity == "medium" and rule.name not in {"override-translated", "exfiltration"}
)
