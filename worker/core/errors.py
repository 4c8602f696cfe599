"""The one root of newsfold's errors, and the types on which a caller acts differently."""


class NewsfoldError(Exception):
    """Anything newsfold raises on purpose. The message says what happened, to what, and what to do."""


class ParseError(NewsfoldError):
    """A file cannot be read (any further). Raised by `worker.parsing`; what was read before it is kept."""
