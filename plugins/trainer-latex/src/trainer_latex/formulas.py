"""Formulas: the TeX of a text, read by a grammar of what a formula is made of, and written anew.

Nothing passes that is not a letter, a digit, a sign, or one of the commands named here with all that it needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from trainer_latex.escaping import SPECIAL, code, words

LETTERS = 2_000  # of a formula that is set
DEPTH = 12  # levels of one

SYMBOLS = frozenset(
    [
        "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota",
        "kappa", "lambda", "mu", "nu", "xi", "pi", "varpi", "rho", "varrho", "sigma", "varsigma", "tau", "upsilon",
        "phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon",
        "Phi", "Psi", "Omega", "sum", "prod", "coprod", "int", "iint", "iiint", "oint", "bigcup", "bigcap", "lim",
        "liminf", "limsup", "max", "min", "sup", "inf", "arg", "argmax", "argmin", "det", "exp", "log", "ln", "lg",
        "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "gcd",
        "deg", "dim", "ker", "hom", "Pr", "bmod", "pm", "mp", "times", "div", "cdot", "ast", "star", "circ",
        "bullet", "oplus", "otimes", "wedge", "vee", "cap", "cup", "setminus", "leq", "le", "geq", "ge", "neq",
        "ne", "equiv", "approx", "sim", "simeq", "cong", "propto", "ll", "gg", "prec", "succ", "in", "ni", "notin",
        "subset", "subseteq", "supset", "supseteq", "mid", "parallel", "perp", "models", "to", "gets", "rightarrow",
        "leftarrow", "leftrightarrow", "Rightarrow", "Leftarrow", "Leftrightarrow", "implies", "iff", "mapsto",
        "uparrow", "downarrow", "longrightarrow", "longleftarrow", "nearrow", "searrow", "forall", "exists",
        "nexists", "neg", "lnot", "land", "lor", "therefore", "because", "infty", "partial", "nabla", "emptyset",
        "varnothing", "ell", "hbar", "Re", "Im", "aleph", "prime", "degree", "angle", "triangle", "square", "cdots",
        "ldots", "dots", "vdots", "ddots", "quad", "qquad", "colon", "lvert", "rvert", "lVert", "rVert", "langle",
        "rangle", "lfloor", "rfloor", "lceil", "rceil", "vert", "Vert", "displaystyle", "textstyle", "backslash",
        "lbrace", "rbrace",
    ]
)  # fmt: skip
ONE = frozenset(
    [
        "hat", "bar", "vec", "dot", "ddot", "tilde", "check", "overline", "underline", "widehat", "widetilde",
        "overbrace", "underbrace", "overrightarrow", "mathrm", "mathbf", "mathit", "mathsf", "mathtt", "mathcal",
        "mathbb", "mathfrak", "boldsymbol", "boxed", "sqrt", "phantom", "pmod",
    ]
)  # fmt: skip
TWO = frozenset(["frac", "dfrac", "tfrac", "cfrac", "binom", "overset", "underset", "stackrel"])
NAMED = {
    "−": "-", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "±": r"\pm ", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ",
    "≈": r"\approx ", "→": r"\to ", "∞": r"\infty ", "Δ": r"\Delta ", "Σ": r"\Sigma ",
    **{chr(0x3B1 + place): rf"\{name} " for place, name in enumerate(["alpha", "beta", "gamma", "delta"])},
    "σ": r"\sigma ", "μ": r"\mu ", "π": r"\pi ", "λ": r"\lambda ",
}  # fmt: skip
WORDS = frozenset(["text", "textrm", "textbf", "textit", "mbox"])
IGNORED = frozenset(
    ["limits", "nolimits", *(f"{big}{side}" for big in ["big", "Big", "bigg", "Bigg"] for side in ["", "l", "r", "m"])]
)
SPACES = frozenset([",", ":", ";", "!", " ", "|", "{", "}", "%", "$", "&", "#", "_"])
MATRICES = {  # and how many columns each may have
    **dict.fromkeys(["matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix"], 10),
    "cases": 2, "aligned": 10, "gathered": 1,
}  # fmt: skip
FENCES = frozenset("()[]|/.") | {
    f"\\{name}"
    for name in ["{", "}", "|", "langle", "rangle", "lfloor", "rfloor", "lceil", "rceil", "lvert", "rvert",
                 "lVert", "rVert", "vert", "Vert"]
}  # fmt: skip

APOSTROPHE = "'"

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_SIGNS = frozenset("+-*/=<>()[]|!,.:;?@")
_RAW = re.compile(r"[^\\{}$%&#^_~]*")


def formula(tex: str, block: bool = False) -> str:
    """A formula as LaTeX; the TeX itself as code if it is more than a formula, or none that can be set."""
    try:
        if len(tex) > LETTERS:
            raise ValueError(tex)
        body = _Reader(tex.strip()).whole()
    except (ValueError, IndexError):
        return rf"\texttt{{{code(tex)}}}" if tex.strip() else ""
    return (rf"\[{body}\]" if block else rf"\({body}\)") if body else ""


class _Reader:
    """Reads one formula. Raises `ValueError` or `IndexError` for anything else."""

    def __init__(self, tex: str) -> None:
        self._tokens = [sign if not sign.isspace() else " " for sign in _TOKEN.findall(tex)]
        self._at = 0

    def whole(self) -> str:
        return self._row(lambda: self._at == len(self._tokens), 0).strip()

    def _row(self, ended: Callable[[], bool], depth: int, columns: int = 0) -> str:
        """Everything up to an end, in cells if there may be more `columns` than none."""
        if depth > DEPTH:
            raise ValueError("it nests too deep")
        parts: list[str] = []
        scripts, cells = "", 1
        while not ended():
            sign = self._next()
            if sign in {"^", "_", "'"}:
                kind = "_" if sign == "_" else "^"
                if kind in scripts:
                    raise ValueError("two of the same script")
                scripts += kind
                parts.append(f"{kind}{{{self._primes() if sign == APOSTROPHE else self._argument(depth)}}}")
            elif sign == " ":
                parts.append(" ")
            else:
                scripts = ""
                if sign in {"&", r"\\"} and columns:
                    cells = cells + 1 if sign == "&" else 1
                    parts.append("& " if sign == "&" else r"\\{}")
                else:
                    parts.append(self._atom(sign, depth))
                if cells > columns > 0:
                    raise ValueError("there are too many cells")
        return "".join(parts)

    def _primes(self) -> str:
        count = 1
        while self._at < len(self._tokens) and self._tokens[self._at] == APOSTROPHE:
            self._at += 1
            count += 1
        return r"\prime " * count

    def _atom(self, sign: str, depth: int) -> str:
        if sign == "{":
            return f"{{{self._group(depth)}}}"
        if sign[0] == "\\":
            return self._command(sign[1:], depth)
        if sign in _SIGNS or (sign.isascii() and sign.isalnum()):
            return sign
        if sign == "~":
            return r"{\ }"
        if sign in NAMED:
            return NAMED[sign]
        if sign.isascii():
            raise ValueError(f"{sign} is no part of a formula")
        return rf"\text{{{words(sign)}}}"

    def _command(self, name: str, depth: int) -> str:
        if name in SPACES:
            return r"{\ }" if name == " " else rf"\{name} "
        if name in SYMBOLS:
            return rf"\{name} "
        if name in IGNORED:
            return ""
        if name in ONE:
            option = self._option(depth) if name == "sqrt" else ""
            return rf"\{name}{option}{{{self._argument(depth)}}}"
        if name in TWO:
            return rf"\{name}{{{self._argument(depth)}}}{{{self._argument(depth)}}}"
        if name in WORDS:
            return rf"\text{{{self._words()}}}"
        if name == "operatorname":
            return rf"\operatorname{{{self._name()}}}"
        if name == "left":
            return self._fenced(depth)
        if name == "begin":
            return self._matrix(depth)
        raise ValueError(f"\\{name} is no command of a formula")

    def _argument(self, depth: int) -> str:
        self._spaces()
        sign = self._next()
        if sign in {"}", "&", r"\\", "^", "_"}:
            raise ValueError("there is no argument")
        return self._group(depth) if sign == "{" else self._atom(sign, depth + 1)

    def _group(self, depth: int) -> str:
        made = self._row(lambda: self._tokens[self._at] == "}", depth + 1)
        self._at += 1
        return made

    def _option(self, depth: int) -> str:
        self._spaces()
        if self._tokens[self._at] != "[":
            return ""
        self._at += 1
        made = self._row(lambda: self._tokens[self._at] == "]", depth + 1)
        self._at += 1
        return f"[{{{made}}}]"

    def _fenced(self, depth: int) -> str:
        opened = self._fence()
        made = self._row(lambda: self._tokens[self._at] == r"\right", depth + 1)
        self._at += 1
        return rf"\left{opened}{made}\right{self._fence()}"

    def _fence(self) -> str:
        self._spaces()
        sign = self._next()
        if sign not in FENCES:
            raise ValueError(f"{sign} is no fence")
        return f"{sign} " if sign[0] == "\\" else sign

    def _matrix(self, depth: int) -> str:
        name = self._name()
        if name not in MATRICES:
            raise ValueError(f"{name} is no matrix")
        made = self._row(lambda: self._tokens[self._at] == r"\end", depth + 1, MATRICES[name])
        self._at += 1
        if self._name() != name:
            raise ValueError(f"{name} does not end")
        return rf"\begin{{{name}}}{made}\end{{{name}}}"

    def _words(self) -> str:
        self._spaces()
        if self._next() != "{":
            raise ValueError("there are no words")
        parts: list[str] = []
        while (sign := self._next()) != "}":
            if not _RAW.fullmatch(sign) and sign not in SPECIAL.values():
                raise ValueError(f"{sign} is no word")
            parts.append(sign if sign in SPECIAL.values() else words(sign))
        return "".join(parts)

    def _name(self) -> str:
        name = self._words()
        if not (name.isascii() and name.isalpha()):
            raise ValueError(f"{name} is no name")
        return name

    def _spaces(self) -> None:
        while self._tokens[self._at] == " ":
            self._at += 1

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]
