"""What `klantbeeld` can be told to do.

Every command imports what it needs when it is called, so that `--help` is quick. It leaves with 0 when all is well, 1
when something was found, refused, absent or not answered, and 2 when the command or the configuration is wrong.
"""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from klantbeeld.cli.language import Language, language_of
from klantbeeld.errors import OperatorError

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; without it klantbeeld.toml here, if there is one."),
]
Document = Annotated[Path, typer.Argument(help="File with a GraphQL document; - reads standard input.")]
Speaking = Annotated[
    Language | None, typer.Option("--language", help="Language of the texts; the locale's without it, or English.")
]
Name = Annotated[str | None, typer.Option(help="Operation, where the document has several.")]


class Outcome(StrEnum):
    """What a person found out about a step."""

    APPLIED = "applied"
    NOT_APPLIED = "not-applied"


app = typer.Typer(
    name="klantbeeld",
    help="One GraphQL gateway for a whole customer, asked live from the systems that own the data.",
    epilog="Leaves with 0 when all is well, 1 when something was found, refused, absent or not "
    "answered, 2 when the command or the configuration is wrong.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
identity = typer.Typer(help="The cross-reference map: which records are one customer.", no_args_is_help=True)
connector = typer.Typer(help="Connectors: what they can do, and whether they still fit.", no_args_is_help=True)
app.add_typer(identity, name="identity")
operations = typer.Typer(help="Writes, and those that only a person can settle.", no_args_is_help=True)
app.add_typer(connector, name="connector")
app.add_typer(operations, name="operations")


def main() -> None:
    """Run the command; what an operator has to mend is one message, and leaves with 2."""
    try:
        app()
    except OperatorError as error:
        is_plain = "NO_COLOR" in os.environ or not sys.stderr.isatty()
        mark = "Error:" if is_plain else "\033[1;31mError:\033[0m"
        sys.stderr.write(f"{mark} {error}\n")
        sys.exit(2)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        from importlib.metadata import version

        typer.echo(f"klantbeeld {version('klantbeeld')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One GraphQL gateway for a whole customer, asked live from the systems that own the data."""


@app.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the gateway; 0 takes a free one.", min=0, max=65535)] = 8000,
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep the demo's files; a temporary folder without it.")
    ] = None,
    size: Annotated[int, typer.Option(help="People in the sandbox, beside the twelve.", min=0)] = 1000,
) -> None:
    """Start four simulated systems and the gateway, and print requests to paste."""
    from klantbeeld.cli.demo import run_demo

    run_demo(port=port, folder=folder, size=size)


@app.command()
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of the settings'.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on, instead of the settings'.", min=0, max=65535)
    ] = None,
) -> None:
    """Start the gateway; it finishes what is under way at SIGTERM or Ctrl-C."""
    from klantbeeld.cli.serve import serve as run

    run(config, host=host, port=port)


@app.command()
def check(config: Config = None) -> None:
    """Say what is wrong with the configuration and how to mend it; starts nothing and asks no source."""
    from klantbeeld.cli.check import check as run

    raise typer.Exit(run(config))


@app.command()
def schema() -> None:
    """Print the GraphQL schema."""
    from klantbeeld.graph.schema import export_schema

    typer.echo(export_schema(), nl=False)


@app.command()
def explain(
    operation: Document,
    config: Config = None,
    name: Name = None,
    caller_class: Annotated[str, typer.Option("--as", help="Caller class whose rights apply.")] = "agent",
    purpose: Annotated[str | None, typer.Option(help="Purpose; the class's first without it.")] = None,
) -> None:
    """Print which sources an operation would call, and in which order; calls none."""
    from klantbeeld.cli.explain import explain as run

    raise typer.Exit(run(config, operation, name=name, caller_class=caller_class, purpose=purpose))


@app.command()
def query(
    operation: Document,
    *,
    url: Annotated[str, typer.Option(help="Address of the gateway.")] = "http://127.0.0.1:8000/graphql",
    token: Annotated[str | None, typer.Option(envvar="KLANTBEELD_TOKEN", help="Access token.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose; the caller class's first without it.")] = None,
    variables: Annotated[str, typer.Option(help="Variables, as JSON.")] = "{}",
    name: Name = None,
    language: Speaking = None,
) -> None:
    """Ask a running gateway; leaves with 1 if the answer has errors."""
    from klantbeeld.cli.query import Manner
    from klantbeeld.cli.query import query as run

    manner = Manner(token=token, purpose=purpose, language=language or language_of(os.environ))
    raise typer.Exit(run(url, operation, manner=manner, variables=variables, name=name))


@app.command()
def eligibility(
    file: Annotated[Path, typer.Argument(help="Recipients: customer, or source and record_id; CSV or JSON lines.")],
    *,
    channel: Annotated[str, typer.Option(help="Channel on which they are to be approached, as in the schema.")],
    product: Annotated[str | None, typer.Option(help="Product that it is about, as billing calls it.")] = None,
    url: Annotated[str, typer.Option(help="Address of the gateway.")] = "http://127.0.0.1:8000/graphql",
    token: Annotated[str | None, typer.Option(envvar="KLANTBEELD_TOKEN", help="Access token.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Purpose; the caller class's first without it.")] = None,
    chunk: Annotated[int, typer.Option(help="Recipients that are asked about together.", min=1, max=500)] = 50,
    at_once: Annotated[int, typer.Option(help="Chunks that are asked at once.", min=1, max=16)] = 2,
    language: Speaking = None,
) -> None:
    """Say of each recipient of a list whether they may be approached; the list is stored nowhere.

    Leaves with 1 if a line could not be judged.
    """
    from klantbeeld.cli.eligibility import Pace, channel_of
    from klantbeeld.cli.eligibility import eligibility as run
    from klantbeeld.cli.query import Manner

    raise typer.Exit(
        run(
            url,
            file,
            channel=channel_of(channel),
            product=product,
            manner=Manner(token=token, purpose=purpose, language=language or language_of(os.environ)),
            pace=Pace(chunk=chunk, at_once=at_once),
        )
    )


@app.command()
def token(
    who: Annotated[str, typer.Argument(help="agent, partner, or the key of a customer of the cast for the app.")],
    folder: Annotated[Path, typer.Option(help="Folder of the demo.")],
    minutes: Annotated[int, typer.Option(help="How long it is good.", min=1, max=1440)] = 60,
) -> None:
    """Print an access token of the demo's own issuer."""
    from klantbeeld.cli.demo_tokens import print_token

    print_token(who, folder, minutes=minutes)


@identity.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Cross references, CSV (.csv) or JSON lines (.jsonl).")],
    decided_by: Annotated[str, typer.Option(help="Who vouches for them.")],
    config: Config = None,
    report: Annotated[
        Path | None, typer.Option(help="File for everything that was wrong, as JSON lines without values.")
    ] = None,
) -> None:
    """Import known cross references; refused lines are listed with number and reason, the rest goes in."""
    from klantbeeld.cli.identity import import_references

    raise typer.Exit(import_references(config, file, decided_by=decided_by, report=report))


@identity.command()
def lookup(
    source: Annotated[str, typer.Argument(help="Name of the source.")],
    record_id: Annotated[str, typer.Argument(help="The source's id of the customer.")],
    config: Config = None,
) -> None:
    """Print the customer to whom a record belongs, with all links."""
    from klantbeeld.cli.identity import look_up

    raise typer.Exit(look_up(config, source, record_id))


@operations.command("list")
def list_operations(
    config: Config = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All, newest first, not only the parked.")] = False,
    first: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 50,
) -> None:
    """List the writes that only a person can settle; leaves with 1 if there are any."""
    from klantbeeld.cli.operations import list_operations as run

    raise typer.Exit(run(config, every=every, first=first))


@operations.command("show")
def show_operation(
    operation: Annotated[str, typer.Argument(help="Id of the operation.")],
    config: Config = None,
) -> None:
    """Print one write with its steps; it holds no values."""
    from klantbeeld.cli.operations import show_operation as run

    raise typer.Exit(run(config, operation))


@operations.command("resolve")
def resolve_operation(
    operation: Annotated[str, typer.Argument(help="Id of the operation.")],
    step: Annotated[int, typer.Argument(help="Number of the step, as `show` prints it.", min=0)],
    outcome: Annotated[Outcome, typer.Argument(help="What you found in the system itself.")],
    config: Config = None,
) -> None:
    """Say what became of a step that nobody knows; the trail notes it, and the gateway goes on from there."""
    from klantbeeld.cli.operations import resolve_operation as run

    raise typer.Exit(run(config, operation, step, applied=outcome is Outcome.APPLIED))


@connector.command("list")
def list_connectors(config: Config = None) -> None:
    """List the connectors that are found, and those that were set aside with the reason."""
    from klantbeeld.cli.connectors import list_connectors as run

    raise typer.Exit(run(config))


@connector.command("check")
def check_connector(
    name: Annotated[str, typer.Argument(help="Name of the connector, or of a source of the settings with --live.")],
    config: Config = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the source itself; reads only.")] = False,
) -> None:
    """Check a connector: its facts, its examples, and with --live whether its system still answers as recorded."""
    from klantbeeld.cli.connectors import check_connector as run

    raise typer.Exit(run(config, name, live=live))


@connector.command("run")
def run_connector(
    source: Annotated[str, typer.Argument(help="Name of a source of the settings.")],
    capability: Annotated[str, typer.Argument(help="What to read, as `connector list` names it.")],
    key: Annotated[list[str] | None, typer.Argument(help="Ids at the source; none for a list.")] = None,
    *,
    config: Config = None,
    argument: Annotated[list[str] | None, typer.Option("--with", help="An argument, as text=jansen.")] = None,
    first: Annotated[int | None, typer.Option(help="Size of the page.", min=1)] = None,
) -> None:
    """Read one page of one capability of a source, and print the calls and the records.

    Leaves with 1 if the source does not have or deliver it.
    """
    from klantbeeld.cli.connectors import run_capability

    raise typer.Exit(run_capability(config, source, capability, key or [], arguments=argument or [], first=first))
