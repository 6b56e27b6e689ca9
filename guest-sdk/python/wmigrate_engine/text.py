"""Text that can cross: a `str` of Python may hold half of a surrogate pair, which UTF-8 cannot. At the border that would end the run
without a word, so it is looked for here."""

import re

_SURROGATES = re.compile("[\ud800-\udfff]")


def checked_text(text, what):
    """`text` if it is a string that UTF-8 can hold, as a `str` and no subclass of it."""
    if type(text) is not str:
        if not isinstance(text, str):
            raise TypeError(f"{what} must be a str, not {kind_of(text)}")
        # Not `str(text)`, for which a member of an enum has an answer of its own.
        text = str.__str__(text)
    if not is_well_formed(text):
        raise ValueError(f"{what} holds half of a surrogate pair, which is no character")
    return text


def is_well_formed(text):
    """Whether UTF-8 can hold it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def well_formed(value):
    """The text of any value, with U+FFFD for what is no character. For messages, which must not fail."""
    try:
        text = str(value)
    except Exception:
        text = f"[a {type(value).__name__} that cannot be shown]"
    return _SURROGATES.sub("\ufffd", text)


def kind_of(value):
    """What a value is, for messages."""
    if value is None:
        return "None"
    name = type(value).__qualname__
    return f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"
