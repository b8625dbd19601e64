"""The language of the texts that the command line asks for."""

from collections.abc import Mapping

import pytest

from klantbeeld.cli.language import language_of


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "nl_NL.UTF-8"}, "nl"),
        ({"LANG": "nl"}, "nl"),
        ({"LANG": "nl.UTF-8"}, "nl"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "nl_NL.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "", "LC_MESSAGES": "nl_BE.UTF-8"}, "nl"),
        ({"LC_ALL": "C", "LC_MESSAGES": "nl_NL.UTF-8"}, "en"),
    ],
)
def test_it_is_the_locales_where_that_is_dutch_and_english_otherwise(environ: Mapping[str, str], language: str) -> None:
    assert language_of(environ) == language
