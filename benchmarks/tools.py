"""Programs that a drill needs and the development environment does not bring along."""

import shutil


class MissingTool(Exception):
    """The message is one sentence: what is missing, and how to get it."""


def require(program: str, remedy: str) -> str:
    """Return the path of the program.

    Raises:
        MissingTool: it is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise MissingTool(f"There is no {program}: {remedy}.")
    return found
