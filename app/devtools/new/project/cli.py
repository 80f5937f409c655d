"""`app new project` on the command line."""

from pathlib import Path
from typing import Annotated

import typer


def new_project(
    name: Annotated[str, typer.Argument(help="Lower-case words with hyphens, such as orders-api.")],
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Where to write it; by default beside this checkout.")
    ] = None,
    title: Annotated[str, typer.Option(help="By default from the name: Orders API.")] = "",
    description: Annotated[
        str, typer.Option(help="One sentence for the API documentation.")
    ] = "A REST API service.",
    without: Annotated[
        str,
        typer.Option(
            metavar="FEATURE,...", help="Features to leave out, or all optional ones: all."
        ),
    ] = "",
    with_dependents: Annotated[
        bool, typer.Option("--with-dependents", help="Leave out those that require them, too.")
    ] = False,
    with_parts: Annotated[
        str, typer.Option("--with", metavar="benchmarks", help="Keep benchmarks and drills.")
    ] = "",
    update: Annotated[
        bool, typer.Option("--update", help="Bring a project that was made before up to date.")
    ] = False,
) -> None:
    """Make a project of your own from this repository, in another folder."""
    from app.devtools.new.project import command
    from app.devtools.new.project.specification import Project, title_of

    place = (folder or command.ROOT.parent / name).absolute()
    if update:
        command.update_project(place)
        return
    project = Project(
        name,
        title or title_of(name),
        description,
        without=names_in(without),
        kept_parts=names_in(with_parts),
    )
    command.new_project(project, place, with_dependents=with_dependents)


def names_in(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",")} - {""}))
