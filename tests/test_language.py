"""Language rules: standard terms, noun phrases, `Raises:` for domain errors, units in names."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from app.devtools.naming import CURRENCY, DURATION, MONEY, RETIRED_WORD, SIZE

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "app").rglob("*.py"))
DOCUMENTED = sorted(
    {*SOURCES, *(p for f in ("tests", "benchmarks") for p in (ROOT / f).rglob("*.py"))}
)
QUESTION = re.compile(r"(How|What|Whatever|When|Where|Whether|Which|Who|Whoever|Whom|Whose|Why)\b")

# The account of Unix, and logins of users that do not exist.
LEGITIMATE = re.compile(r"""["'](?:nobody|NOBODY|Nobody)["']|nobody\.pw_\w+|nobody = """)
FOLDERS = [".ci", ".env.example", "*.md", "Dockerfile", "Makefile", "app", "benchmarks", "deploy"]
FOLDERS += ["docker-compose.yml", "docker-compose.production.yml", "docs", "examples", "tests"]
# Formats of others, what has been released, and the lists of words.
UNCHECKED = (".json", ".png", ".svg", "app/devtools/naming.py", "tests/test_language.py")

# Libraries choose these names: asyncpg and httpcore.
FOREIGN_DURATIONS = {"app/db/engine.py: timeout", "app/features/webhooks/ssrf_guard.py: timeout"}
FOREIGN_DURATIONS |= {"app/features/http_client/bounded_network.py: timeout"}
# Pools and caches have numbers of connections and statements.
COUNTED_SIZES = {"app/db/engine.py: size", "app/db/executor.py: size", "app/db/pool.py: size"}
# The API names it so: a file has one size, in bytes.
COUNTED_SIZES |= {"app/features/files/models.py: size"}
NUMBERS = {"int", "float", "int | None", "float | None"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
ENDPOINT = re.compile(r"(\w*router\.\w+|strawberry\.\w+)\(")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts() -> list[str]:
    listed = subprocess.check_output(["git", "ls-files", *FOLDERS], cwd=ROOT, text=True)
    return [name for name in listed.split() if not name.endswith(UNCHECKED)]


@pytest.mark.parametrize("text", ["Nobody waits", "wait_until_told", "NEIGHBOURS"])
def test_retired_word_is_found(text: str) -> None:
    assert RETIRED_WORD.search(text)
    assert not RETIRED_WORD.search("retold by the installer")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="The list of files comes from git.")
def test_retired_words_are_not_used() -> None:
    used = [
        f"{name}:{number}: {found.group()}"
        for name in texts()
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if (found := RETIRED_WORD.search(LEGITIMATE.sub("", line)))
    ]

    assert used == []


def docstring_of(path: Path) -> str:
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def test_module_docstrings_are_noun_phrases() -> None:
    """A search by standard term finds only docstrings that contain it."""
    documented = {place(path): docstring_of(path) for path in DOCUMENTED if path.stat().st_size}

    assert {name: text for name, text in documented.items() if QUESTION.match(text or "What")} == {}


@cache
def trees() -> dict[Path, ast.Module]:
    """Parse the application once, and only in the process that runs these tests."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


@cache
def domain_errors() -> set[str]:
    """Return the names of AppError and of all classes derived from it."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {"AppError"}
    while found := {name for name, of in bases.items() if of & errors} - errors:
        errors |= found
    return errors


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Yield functions without endpoints, whose docstrings are texts of the API."""
    for node in ast.walk(tree):
        if isinstance(node, Function) and not node.name.startswith("_"):
            decorators = [ast.unparse(each) for each in node.decorator_list]
            if not any(ENDPOINT.match(each) for each in decorators):
                yield node


def body_of(function: Function) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of nested functions and classes."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            yield node
            waiting += ast.iter_child_nodes(node)


def raised_errors(function: Function) -> set[str]:
    raised = (
        node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for node in body_of(function)
        if isinstance(node, ast.Raise) and node.exc
    )
    return domain_errors() & {ast.unparse(each).rpartition(".")[2] for each in raised}


def undocumented_errors(tree: ast.Module) -> Iterator[str]:
    for function in public_functions(tree):
        _, _, section = (ast.get_docstring(function) or "").partition("Raises:")
        for error in sorted(raised_errors(function)):
            if not re.search(rf"\b{error}\b", section):
                yield f"{function.name}: {error}"


def test_domain_errors_are_documented() -> None:
    found = {place(path): list(undocumented_errors(tree)) for path, tree in trees().items()}

    assert {name: errors for name, errors in found.items() if errors} == {}


def test_undocumented_error_is_found() -> None:
    tree = ast.parse('def check() -> None:\n    """Check."""\n    raise NotFound("x")')

    assert list(undocumented_errors(tree)) == ["check: NotFound"]


def numbers(tree: ast.Module) -> Iterator[str]:
    """Yield the names of parameters, fields and constants that are numbers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation:
            if ast.unparse(node.annotation) in NUMBERS:
                yield node.arg
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) in NUMBERS:
            yield ast.unparse(node.target)
        elif isinstance(node, ast.Assign) and is_number(node.value):
            yield from (ast.unparse(each) for each in node.targets)


def is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def names(pattern: re.Pattern[str]) -> set[str]:
    """Return the public names of numbers that match, with their modules."""
    found = [(place(path), name) for path, tree in trees().items() for name in numbers(tree)]
    return {
        f"{module}: {name}"
        for module, name in found
        if pattern.search(name) and not name.removeprefix("self.").startswith("_")
    }


def test_durations_have_a_unit() -> None:
    assert names(DURATION) <= FOREIGN_DURATIONS


def test_sizes_have_a_unit() -> None:
    assert names(SIZE) <= COUNTED_SIZES


def amounts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each amount of money with its declaration and docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            docstring = ast.get_docstring(node) or ""
            found = parameters(node) if isinstance(node, Function) else fields(node)
            for name, declaration in found:
                if MONEY.search(name):
                    yield f"{node.name}: {name}", f"{docstring} {declaration}"


def parameters(function: Function) -> Iterator[tuple[str, str]]:
    for each in [*function.args.args, *function.args.kwonlyargs]:
        yield each.arg, ast.unparse(each)


def fields(model: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield the fields with their declarations and the strings below them."""
    for field, below in pairwise([*model.body, ast.Pass()]):
        if isinstance(field, ast.AnnAssign):
            yield ast.unparse(field.target), f"{ast.unparse(field)} {ast.unparse(below)}"


def test_amounts_of_money_have_a_currency() -> None:
    found = {
        f"{place(path)}: {name}"
        for path, tree in trees().items()
        for name, text in amounts(tree)
        if not CURRENCY.search(text)
    }

    assert found == set()


def test_amount_without_a_currency_is_found() -> None:
    tree = ast.parse('class Item:\n    price: Decimal\n    """Net price."""\n    name: str')

    assert [name for name, _ in amounts(tree)] == ["Item: price"]
    assert not any(CURRENCY.search(text) for _, text in amounts(tree))
