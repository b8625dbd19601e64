"""How the command line speaks."""

import io

import pytest
from rich.text import Text

from klantbeeld.cli import terminal
from klantbeeld.cli.terminal import remarks, results, show, table_of


class Terminal(io.StringIO):
    """A stream that says that somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_results_and_remarks_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    results().print("result")
    remarks().print("remark")
    assert capsys.readouterr() == ("result\n", "remark\n")


def test_what_is_piped_is_plain_and_a_line_stays_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    results().print(f"[bold red]{'word ' * 200}[/bold red]")
    assert capsys.readouterr().out == f"{'word ' * 200}\n"


def test_a_table_has_tabs_where_it_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of("name", "", "words")
    table.add_row("a", Text("wrong", "red"), "[two]\nlines")
    table.add_row("b", "", "")
    show(table)
    assert capsys.readouterr().out == "name\t\twords\na\twrong\t[two] lines\nb\t\t\n"


def test_a_table_is_aligned_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    table = table_of("name", "words")
    table.add_row("a", "one")
    show(table)
    assert "\t" not in screen.getvalue()
    assert screen.getvalue().splitlines()[1].rstrip() == "a     one"


def test_no_color_takes_the_colours_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    said = {}
    for colours in (True, False):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if not colours:
            monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        terminal._console(stream).print("[red]wrong[/red]")
        said[colours] = stream.getvalue()
    assert said == {True: "\x1b[31mwrong\x1b[0m\n", False: "wrong\n"}
