"""Feature: declaration of the routers, middleware and resources that a feature adds to the kernel.

Each folder below `app/features/` has a `feature.py` with one `Feature`. The kernel reads the
objects that `app.features.FEATURES` names and knows no feature by its name. To delete a feature,
delete its folder, its extension modules, its migrations, its tests and its line in that list. See
ADR 0030.

An extension module is named after another feature and belongs to both: `features/posts/graphql.py`
is what posts add to GraphQL. It may import both, what they require and what is always there.
"""

import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from typing import TypeVar

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

from app.config.settings import Settings
from app.db.signals import Receiver, Signal, Signals
from app.db.unit_of_work import UnitOfWork
from app.features import FEATURES, find_modules
from app.http.problem_extensions import ProblemExtension, ProblemExtensions
from app.http.unit_of_work import RespondToWrite, WriteResponses, respond_by_endpoint
from app.security.authenticators import Authenticator
from app.security.permissions import Permissions, Scope
from app.security.principals import CredentialKind
from app.startup import Startup

Extend = Callable[[FastAPI], None]
Cleanup = Callable[[UnitOfWork], Awaitable[None]]
CreateMiddleware = Callable[[ASGIApp, Settings], ASGIApp]
Lifespan = Callable[[Startup], AbstractAsyncContextManager[object]]
RouterFactory = Callable[["Features"], APIRouter]

Telemetry = Callable[[Settings], TelemetryConfig]

NO_TELEMETRY = TelemetryConfig(tracing=False, metrics=False, logs=False, auto_configure=False)

T = TypeVar("T")


class FeatureError(Exception):
    """The declarations of the features conflict; the message names the cause."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """The contributions of one feature. All fields but the name are optional."""

    name: str
    requires: tuple[str, ...] = ()
    """Features whose modules it may import."""
    routers: tuple[APIRouter | RouterFactory, ...] = ()
    """Path operations below `/api/v1`; a factory where their schemas depend on other features."""
    root_routers: tuple[APIRouter, ...] = ()
    """Path operations below `/`: pages, `/graphql`, later versions of the API."""
    webhooks: tuple[RouterFactory, ...] = ()
    """Requests that the service sends, for the OpenAPI document."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """OpenAPI tags with their descriptions."""
    scopes: tuple[Scope, ...] = ()
    """Scopes that its endpoints require; two features may declare the same one."""
    authenticators: Mapping[CredentialKind, Authenticator] = field(default_factory=dict)
    problem_extensions: tuple[ProblemExtension, ...] = ()
    respond_to_write: RespondToWrite | None = None
    """Responds to requests that write, in their transaction, or lets the endpoint respond."""
    middleware: tuple[CreateMiddleware, ...] = ()
    """Wrap the application; those of the first of FEATURES see a request first."""
    inner_middleware: tuple[CreateMiddleware, ...] = ()
    """The same inside of HeadMiddleware, for middleware that changes response bodies."""
    extend: Extend | None = None
    """Called with the application when its routes are mounted; nothing is opened yet."""
    telemetry: Telemetry | None = None
    """Configures the spans of FastAPI, which otherwise creates none."""
    lifespan: Lifespan | None = None
    """Opens and yields the resources of the feature, an instance of its own class."""
    receivers: Mapping[type[Signal], Receiver] = field(default_factory=dict)
    """Called in the transaction of the sender, in the order of requirements."""
    cleanup: tuple[Cleanup, ...] = ()
    """Deletions of expired rows; background_jobs runs each of them every ten minutes."""


class Features:
    """The enabled features in mounting order.

    Raises:
        FeatureError: a requirement is missing or circular, or two features declare the same name.
    """

    def __init__(self, features: Iterable[Feature]) -> None:
        self._features = tuple(features)
        self.by_name = {feature.name: feature for feature in self._features}
        self._check_requirements()
        check_names("tag", [tag for feature in self for tag in feature.tags])
        check_names("scope", [scope.name for scope in {*self.scopes}])

    def __iter__(self) -> Iterator[Feature]:
        return iter(self._features)

    @property
    def routers(self) -> Iterator[APIRouter]:
        for router in chain.from_iterable(feature.routers for feature in self):
            yield router if isinstance(router, APIRouter) else router(self)

    @property
    def tags(self) -> dict[str, str]:
        return {tag: text for feature in self for tag, text in feature.tags.items()}

    @property
    def scopes(self) -> Iterator[Scope]:
        for feature in self.by_requirement():
            yield from feature.scopes

    @cached_property
    def permissions(self) -> Permissions:
        return Permissions(self.scopes)

    @property
    def authenticators(self) -> dict[CredentialKind, Authenticator]:
        return {kind: each for feature in self for kind, each in feature.authenticators.items()}

    @property
    def middleware(self) -> tuple[CreateMiddleware, ...]:
        """The middleware of all features, innermost first."""
        return tuple(reversed([*chain.from_iterable(each.middleware for each in self)]))

    @property
    def inner_middleware(self) -> tuple[CreateMiddleware, ...]:
        return tuple(reversed([*chain.from_iterable(each.inner_middleware for each in self)]))

    @property
    def write_responses(self) -> WriteResponses:
        declared = (each.respond_to_write for each in self if each.respond_to_write)
        return WriteResponses(next(declared, respond_by_endpoint))

    @property
    def problem_extensions(self) -> ProblemExtensions:
        return ProblemExtensions(tuple(chain.from_iterable(f.problem_extensions for f in self)))

    def telemetry(self, settings: Settings) -> TelemetryConfig:
        """Return the configuration of FastAPI, without its metrics and logs: see ADR 0013."""
        configure = next((each.telemetry for each in self if each.telemetry), None)
        return {**NO_TELEMETRY, **configure(settings)} if configure else NO_TELEMETRY

    @property
    def signals(self) -> Signals:
        receivers: dict[type[Signal], list[Receiver]] = {}
        for feature in self.by_requirement():
            for signal, receive in feature.receivers.items():
                receivers.setdefault(signal, []).append(receive)
        return Signals(receivers)

    @property
    def cleanup(self) -> tuple[Cleanup, ...]:
        return tuple(chain.from_iterable(feature.cleanup for feature in self))

    def extensions(self, of: str, kind: type[T]) -> list[T]:
        """Return `extension` of each module `app.features.<each>.<of>`, in mounting order.

        Raises:
            FeatureError: a module has none, or one of another type.
        """
        names = [f"app.features.{feature.name}.{of}" for feature in self]
        return [extension_of(name, kind) for name in names if find_spec(name)]

    def by_requirement(self) -> Iterator[Feature]:
        """Iterate over the features, each after its requirements, otherwise in mounting order."""
        graph = TopologicalSorter({feature.name: feature.requires for feature in self})
        order = list(graph.static_order())
        yield from sorted(self, key=lambda feature: order.index(feature.name))

    def required_by(self, name: str) -> frozenset[str]:
        """Return the names of all features that a feature requires, directly or indirectly."""
        direct = self.by_name[name].requires
        return frozenset(direct).union(*(self.required_by(each) for each in direct))

    def _check_requirements(self) -> None:
        graph = {feature.name: feature.requires for feature in self}
        missing = {each for requires in graph.values() for each in requires} - graph.keys()
        if missing:
            raise FeatureError(f"Required, but not in FEATURES: {', '.join(sorted(missing))}.")
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            raise FeatureError(f"Features require one another: {error.args[1]}.") from None


def check_names(kind: str, names: list[str]) -> None:
    """Check that features declare different names.

    Raises:
        FeatureError: two features declare the same name.
    """
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FeatureError(f"Two features declare the same {kind}: {', '.join(repeated)}.")


def extension_of(module: str, kind: type[T]) -> T:
    extension = getattr(import_module(module), "extension", None)
    if not isinstance(extension, kind):
        raise FeatureError(f"The `extension` of {module} must be of type {kind.__name__}.")
    return extension


@cache
def load_features() -> Features:
    """Import `app.features.<name>.feature` of each name in FEATURES.

    Raises:
        FeatureError: as `Features`.
    """
    return Features(import_module(f"app.features.{name}.feature").feature for name in FEATURES)


def load_models() -> None:
    """Import the tables of each enabled feature, without their routers."""
    for models in find_modules("models"):
        for module in pkgutil.iter_modules(getattr(models, "__path__", ())):
            import_module(f"{models.__name__}.{module.name}")
