"""Markdown to HTML: from text to sanitised HTML beside mistune alone, and what each part of it takes.

"trainer, a text" is what mistune is asked for and more: the same extensions, a tree between, HTML that is sanitised. "a
page" is all that a report has beside its text as well: contents, columns of figures, drawn charts, style sheet. mistune
has its own extensions switched on, escapes HTML, and sanitises nothing. The text is the demo's report and seventeen
chapters with a table, a callout, a list and code each; formulas are left out, since mistune passes them on unread.
"""

from __future__ import annotations

import re
from functools import partial

import mistune
from _bench import BIN, ROOT, Bench, Target, loop, options, publish, version
from markdown_it import MarkdownIt
from pdf import report

from trainer_document import themes
from trainer_document.themes import Theme
from trainer_document.tree import Root
from trainer_markdown import FormatConverter
from trainer_markdown.assets import Assets
from trainer_markdown.html import Body
from trainer_markdown.reader import parse
from trainer_markdown.sanitiser import sanitise

EXTENSIONS = ("strikethrough", "footnotes", "table", "url", "task_lists", "def_list")


def text() -> str:
    """A report in Markdown, without formulas."""
    background = "\n\n".join(path.read_text() for path in sorted((ROOT / "information/context").rglob("*.md")))
    return re.sub(r"\$`.*?`\$", "`PV`", report(17), flags=re.DOTALL) + "\n\n" + background


def write(root: Root, theme: Theme) -> str:
    """The text of a tree as HTML that is not sanitised yet."""
    return "".join(Body(root, theme, Assets({})).parts())


def main() -> None:
    args = options(__doc__, rounds=15).parse_args()
    source, converter = text(), FormatConverter()
    theme = themes.load(themes.DEFAULT)
    root = parse(source)[0]
    html = write(root, theme)
    bare = mistune.create_markdown(escape=True, plugins=EXTENSIONS)
    commonmark = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    calls = {
        "mistune alone": partial(bare, source),
        "markdown-it-py": partial(commonmark.render, source),
        "trainer, a text": lambda: sanitise(write(parse(source)[0], theme)),
        "of that, the reader with its tree": partial(parse, source),
        "of that, the writer": partial(write, root, theme),
        "of that, the sanitiser": partial(sanitise, html),
        "trainer, a page": partial(converter.convert, source, "markdown", "html"),
    }
    bench = Bench({name: partial(loop, call, 3) for name, call in calls.items()}, args.rounds)
    ratio = bench.best("trainer, a text") / bench.best("mistune alone")
    targets = [Target("trainer, a text / mistune alone", ratio, 1.3)]
    versions = ", ".join(version(BIN, name) for name in ("trainer-markdown", "mistune", "markdown-it-py", "nh3"))
    title = f"Markdown to HTML, {len(source) / 1e3:.0f} kB"
    publish(args, title, [bench.table("mistune alone", "ms")], targets, bench.noise, versions)


if __name__ == "__main__":
    main()
