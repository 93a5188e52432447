"""The document tree between formats, and what enriches a report on it."""
