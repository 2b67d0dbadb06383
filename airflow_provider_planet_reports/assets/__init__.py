"""Assets that stand for usage reports."""
