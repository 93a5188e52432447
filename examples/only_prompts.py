"""The prompts alone: a template with its background, as messages for whatever asks the model.

pip install trainer-core trainer-prompts
python only_prompts.py information/context "How does {COMPANY} earn money? See tone.md." COMPANY=Acme
"""

from __future__ import annotations

import json
import sys

from trainer_prompts import PromptManager, PromptTemplate


def main(background: str, text: str, *values: str) -> None:
    """Prints the messages as JSON. A value that is missing is told with its name."""
    manager = PromptManager(background)
    prompt = manager.compose(PromptTemplate(text), dict(value.split("=", 1) for value in values))
    json.dump([{"role": message.role, "content": message.text} for message in prompt.messages], sys.stdout, indent=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
