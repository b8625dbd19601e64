"""In which language the gateway is asked to speak to whoever sits at the terminal."""

from collections.abc import Mapping
from enum import StrEnum

# What says in which language messages are wanted, the first that is set (POSIX, Base Definitions, section 8.2).
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")


class Language(StrEnum):
    """A language that texts for people are written in."""

    NL = "nl"
    EN = "en"


def language_of(environ: Mapping[str, str]) -> Language:
    """Return that of the locale: Dutch where it is Dutch, otherwise English, in which the command line speaks."""
    locale = next((environ[name] for name in LOCALE if environ.get(name)), "")
    return Language.NL if locale.lower().split("_")[0].split(".")[0] == "nl" else Language.EN
