"""Decisions of new projects: those that nothing cites are deleted, with the links to them."""

from pathlib import Path

from app.devtools.new.project import decisions

LIST = "| | |\n|---|---|\n| [0001](0001-a.md) | A |\n| [0002](0002-b.md) | B |\n"


def test_decisions_that_nothing_cites_are_deleted(tmp_path: Path) -> None:
    folder = tmp_path / decisions.FOLDER
    folder.mkdir(parents=True)
    texts = {"README.md": LIST, "0001-a.md": "See [0002](0002-b.md).\n", "0002-b.md": "B\n"}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (tmp_path / "module.py").write_text('"""Reads. See ADR 0001."""\n', encoding="utf-8")

    decisions.prune(tmp_path)

    left = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
    assert left == {"README.md": LIST.rpartition("| [")[0], "0001-a.md": "See 0002.\n"}
