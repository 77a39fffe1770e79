"""How a command says that it cannot: one line, without a traceback."""


class Failure(Exception):
    """What was found, what was expected, what to do."""
