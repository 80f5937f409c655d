"""`app new resource`: writes a feature with one table, from its names and fields."""

from collections.abc import Iterable
from pathlib import Path
from subprocess import CalledProcessError

import app
from app.config.settings import ConfigError
from app.db.migrations import revision_id
from app.devtools.generated import documents, regenerate
from app.devtools.new.arguments import Options, resource_of
from app.devtools.new.files import all_or_nothing, changed_files, newest_revision, write
from app.devtools.new.rendering import Files, formatted, render
from app.devtools.new.resource import Resource

ROOT = Path(app.__file__).parents[1]
NEXT = """\
Written again: the OpenAPI document, the table of permissions, the numbers in the README.

Next:
  make check && make test     both pass without an edit
  make migrate                creates the table in the database of DATABASE_URL or `make run`
  docs/adding-a-resource.md   the edits that come next: rules, a filter, another endpoint
  git add --all               then commit, or undo everything with `git restore .` and
                              `git clean --force -d alembic app tests`"""


def new_resource(singular: str, fields: list[str], options: Options, *, dry_run: bool) -> None:
    """Write a resource; print what is written and changed, and what to do next.

    Raises:
        ConfigError: a name, a field or an option is a mistake, and nothing was written.
    """
    resource = resource_of(ROOT, singular, fields, options)
    written, changed = sources_of(ROOT, resource)
    print_paths("would write" if dry_run else "writes", written)
    print_paths("would change" if dry_run else "changes", changed)
    if not dry_run:
        write_with_documents(ROOT, {**written, **changed})
        print(NEXT)


def sources_of(root: Path, resource: Resource) -> tuple[Files, Files]:
    """Return the new files of a resource, and the changed ones of the checkout."""
    parent = newest_revision(root).name
    sources = render(resource, revision_id(parent, resource.names.plural), parent)
    return formatted(root, sources), changed_files(root, resource)


def write_with_documents(root: Path, files: Files) -> None:
    """Write the files and then what is generated from the code, or nothing.

    Raises:
        ConfigError: the documents could not be generated.
    """
    try:
        with all_or_nothing(root, [*files, *documents(root)]):
            write(root, files)
            regenerate(root)
    except CalledProcessError as error:
        raise ConfigError(
            "The documents could not be generated, for the reason above; nothing was changed: "
            "`make check` shows what else is wrong with this checkout."
        ) from error


def print_paths(verb: str, paths: Iterable[Path]) -> None:
    print(*(f"  {verb} {path}" for path in paths), sep="\n")
