"""The `sightline` command: one program whose sub-commands the installed components contribute."""

import sys
from importlib.metadata import entry_points, version
from typing import Annotated

ENTRY_POINT_GROUP = "sightline.commands"


def main() -> None:
    """Run the command line; errors that are ours print as one line and exit with 1."""
    try:
        import typer  # noqa: PLC0415 - the SDK alone does not bring it
    except ImportError:
        sys.exit("sightline: the commands need more than the SDK: pip install 'sightline[all]'")
    from sightline_core.errors import SightlineError  # noqa: PLC0415

    app = typer.Typer(
        name="sightline",
        help="Follow one request through logs, metrics and traces; prove that nothing was lost.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def print_version(wanted: bool) -> None:  # noqa: FBT001
        if wanted:
            typer.echo(f"sightline {version('sightline')}")
            raise typer.Exit

    @app.callback()
    def root(
        *,
        show: Annotated[
            bool,
            typer.Option(
                "--version", callback=print_version, is_eager=True, help="Say which version."
            ),
        ] = False,
    ) -> None:
        """Follow one request through logs, metrics and traces."""

    for entry in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        try:
            register = entry.load()
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("sightline"):
                raise
            continue  # the extra that this command needs is not installed
        register(app)
    try:
        app()
    except SightlineError as error:
        sys.exit(f"sightline: {error}")
