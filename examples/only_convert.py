"""The converter alone: Markdown from standard input as one HTML page that loads nothing and runs nothing.

pip install trainer-core trainer-markdown
python only_convert.py "Minutes of May" < minutes.md > minutes.html
"""

from __future__ import annotations

import sys

from trainer_markdown import FormatConverter


def main(title: str) -> None:
    """Other formats are 'json', 'tree' and 'markdown', in both directions."""
    page = FormatConverter(lang="en").convert(sys.stdin.read(), "markdown", "html", {"title": title})
    sys.stdout.write(page)


if __name__ == "__main__":
    main(*sys.argv[1:])
