# ruff: noqa: INP001  (MkDocs imports it by its path)
"""Hook of MkDocs: pages link to files of the repository, and the site has a copy of each of them.

A link such as `../../app/main.py#L40` leads to a page with that file and its numbered lines.
"""

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
LINE = re.compile(r"\[`([^`]+)`\]\(([^)#:\s]+)#L(\d+)\)")
LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml", ".sql": "sql"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file outside of the documents that one of them links to."""
    for path in sorted({path for file in files.documentation_pages() for path in linked(file)}):
        files.append(File.generated(config, f"code/{path}.md", content=code_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point the links to those pages."""
    source = page.file.src_uri

    def to_page(link: re.Match[str]) -> str:
        path = outside(source, link[1])
        return f"]({relative(source, path)}.md)" if path else link[0]

    def to_line(link: re.Match[str]) -> str:
        name, target, line = link.groups()
        path = outside(source, target)
        # As HTML: MkDocs does not know the anchors of highlighted lines.
        address = f"{relative(source, path)}.html#__codelineno-0-{line}" if path else target
        return f'<a href="{address}"><code>{name}</code></a>'

    is_code = source.startswith("code/")
    return markdown if is_code else LINK.sub(to_page, LINE.sub(to_line, markdown))


def relative(source: str, path: str) -> str:
    return os.path.relpath(f"code/{path}", PurePosixPath(source).parent)


def linked(file: File) -> set[str]:
    found = (outside(file.src_uri, target) for target in LINK.findall(file.content_string))
    return {path for path in found if path}


def outside(source: str, target: str) -> str | None:
    """Return the path in the repository of a file outside of the documents, None of others."""
    path = os.path.normpath(PurePosixPath("docs", source).parent / target)
    is_code = not path.startswith(("docs", "..")) and (ROOT / path).exists()
    return path if is_code else None


def code_page(path: str) -> str:
    place = ROOT / path
    if place.is_dir():
        names = "\n".join(sorted(f"- `{each.name}`" for each in place.iterdir()))
        return f"# {path}\n\n{names}\n"
    text = place.read_text(encoding="utf-8")
    if place.suffix == ".md":
        return LINK.sub("]", text).replace("![", "[")
    language = LANGUAGES.get(place.suffix, "text")
    return f'# {path}\n\n`````{{.{language} linenums="1"}}\n{text}\n`````\n'
