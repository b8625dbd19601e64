"""Lines of keys in a TOML text."""

import tomllib

import pytest

from klantbeeld.toml_lines import lines_of

TEXT = '''\
# a comment
language = "nl"

[gateway]
port = 8000
folders = [
    "a",
    "b",
]
text = """
[not.a.table]
"""
after = 1

[[issuers]]
name = "one"
[[issuers]]
name = "two"
[issuers.inner]
deep = 1

[sources."de facturen"]
credentials = { key = { env = "KEY" } }
a.b = 2
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("language",), 2),
        (("gateway",), 4),
        (("gateway", "port"), 5),
        (("gateway", "folders"), 6),
        (("gateway", "text"), 10),
        (("gateway", "after"), 13),
        (("issuers", 0, "name"), 16),
        (("issuers", 1), 17),
        (("issuers", 1, "name"), 18),
        (("issuers", 1, "inner", "deep"), 20),
        (("sources", "de facturen"), 22),
        (("sources", "de facturen", "credentials", "key", "env"), 23),
        (("sources", "de facturen", "a", "b"), 24),
    ],
)
def test_a_key_is_found_on_its_line(key: tuple[str | int, ...], line: int) -> None:
    assert lines_of(TEXT)[key] == line


def test_every_key_that_tomllib_reads_has_a_line() -> None:
    lines = lines_of(TEXT)

    def walk(value: object, key: tuple[str | int, ...] = ()) -> None:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, below in inner:
            assert (*key, name) in lines
            walk(below, (*key, name))

    walk(tomllib.loads(TEXT))
