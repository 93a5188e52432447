"""The guards alone: what is wrong with each line that somebody typed.

pip install trainer-core trainer-guard
python only_guards.py < comments.txt
"""

from __future__ import annotations

import sys

from trainer_guard import SecurityModule


def main() -> int:
    """Prints the lines that are refused, and why; ends with 1 if there are any."""
    module = SecurityModule(level="moderate", max_length=2_000)
    refused = 0
    for number, line in enumerate(sys.stdin, 1):
        result = module.validate(line.rstrip("\n"))
        if not result.is_valid:
            refused += 1
            print(f"{number}: {'; '.join(result.errors)}")
    return min(refused, 1)


if __name__ == "__main__":
    sys.exit(main())
