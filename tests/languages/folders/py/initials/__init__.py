from .words import words


def of(name):
    return "".join(word[0] for word in words(name))
