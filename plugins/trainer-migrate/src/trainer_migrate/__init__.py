"""A project in the original file layout as one of the new: what would become of it, and making it so."""

from trainer_migrate.planning import Plan, plan
from trainer_migrate.project import Done, apply, compare

__all__ = ["Done", "Plan", "apply", "compare", "plan"]
