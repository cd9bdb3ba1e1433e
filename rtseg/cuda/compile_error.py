"""What a compiler raises."""


class CompileError(Exception):
    """One compiler cannot compile for this GPU, in a line; another may. Never leaves this package."""
