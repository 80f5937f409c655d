"""What lives as long as the process: opened when it starts, closed when it stops."""

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from app.config.settings import Settings
from app.db.engine import connect, create_direct_pool, create_engine, create_reads
from app.db.executor import ReadPool
from app.db.notifications import Listener
from app.db.session import create_sessionmaker
from app.feature import Features
from app.features.auth.access_tokens import create_token_signer
from app.features.auth.dependencies import TokenIssuer
from app.features.auth.login_throttle import COUNTED_AT_ONCE, GuessLimits
from app.features.auth.refresh_tokens import RefreshTokens
from app.features.events.crud import events
from app.features.events.feed import Announcer, EventFeed
from app.features.external.lifespan import open_external_api
from app.features.files.object_storage import create_storage
from app.features.mail.sender import MailSender, create_mailer
from app.features.redis.client import (
    Client,
    RedisListener,
    RedisPublisher,
    create_redis,
    create_windows,
)
from app.features.replica.replica import WRITERS, Lag, Replica
from app.features.rooms import crud as room_messages
from app.features.rooms.rooms import Rooms
from app.features.streams.leases import SocketLeases
from app.features.streams.session_revalidation import Standing
from app.features.users.crud import sessions
from app.features.users.passwords import PasswordHasher
from app.features.webhooks.crud import queue as webhook_queue
from app.features.webhooks.dispatcher import WebhookDispatcher
from app.features.webhooks.models.queue import QueueLimits
from app.features.webhooks.sender import WebhookSender
from app.features.webhooks.ssrf_guard import Destinations, guarded_client
from app.http import response_cache as kept_answers
from app.http.cursors import CursorSigner
from app.http.idempotency import crud as idempotency_keys
from app.jobs import crud as tasks
from app.jobs.job import Resources
from app.jobs.queue_metrics import QueueLevels
from app.jobs.schedules import REQUEUE_LOST_TASKS, purge_expired
from app.jobs.worker import Worker
from app.observability.instrumentation import open_log, open_tracing, vital_signs
from app.runtime.background import start_together
from app.runtime.drain import when_told_to_stop
from app.security.encryption import Sealer
from app.security.principal_cache import PrincipalCache


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Own what lives as long as the process.

    Opens no connection itself: the service starts while the database is down, and is
    ready as soon as it returns.
    """
    settings: Settings = app.state.settings
    app.state.draining = False
    async with AsyncExitStack() as stack:
        open_log(app, stack)
        open_tracing(app, stack)
        redis = app.state.redis = open_redis(settings, stack)
        open_database(app, settings, redis, stack)
        open_identity(app, settings, redis, stack)
        open_storage(app, settings)
        open_rooms(app, settings, redis)
        app.state.external_api = await stack.enter_async_context(open_external_api(settings))
        open_webhooks(app, settings, stack)
        open_background(app, settings, stack)
        stack.enter_context(when_told_to_stop(partial(drain, app)))
        yield


def drain(app: FastAPI) -> None:
    """From now on readiness fails, and streams end with a hint when to come back."""
    app.state.draining = True
    app.state.event_feed.drain()


def open_redis(settings: Settings, stack: AsyncExitStack) -> Client | None:
    if not settings.redis_url:
        return None
    redis = create_redis(settings.redis_url, is_cluster=settings.redis_cluster)
    stack.push_async_callback(redis.aclose)
    return redis


def open_database(
    app: FastAPI, settings: Settings, redis: Client | None, stack: AsyncExitStack
) -> None:
    app.state.engine = engine = create_engine(settings)
    publish = RedisPublisher(redis) if redis else None
    app.state.kept_answers = kept_answers.KeptAnswers()
    app.state.handlers = {kept_answers.CHANNEL: app.state.kept_answers.forget}
    app.state.sessionmaker = create_sessionmaker(
        engine, publish, app.state.handlers, on_commit=partial(note_commit, app)
    )
    app.state.reads = create_reads(settings, settings.database_url)
    # For loops, so that they and requests never wait for one another.
    app.state.loop_reads = create_reads(settings, settings.database_url, size=2)
    app.state.direct_pool = create_direct_pool(settings)
    app.state.replica = create_replica(app.state.reads, settings, publish)
    app.state.queue_limits = QueueLimits.of(settings)
    open_events(app, publish)
    app.state.cursor_signer = CursorSigner(settings.signing_secret)
    app.state.sealer = Sealer(settings.signing_secret)
    stack.push_async_callback(engine.dispose)
    stack.push_async_callback(app.state.reads.close)
    stack.push_async_callback(app.state.direct_pool.close)
    stack.push_async_callback(app.state.loop_reads.close)


def open_events(app: FastAPI, publish: RedisPublisher | None) -> None:
    app.state.event_feed = EventFeed(app.state.reads)
    app.state.webhook_dispatcher = WebhookDispatcher(
        app.state.loop_reads, app.state.sessionmaker, app.state.queue_limits
    )
    app.state.handlers[events.CHANNEL] = partial(hear_of_events, app)
    app.state.announcer = Announcer(
        partial(publish, events.CHANNEL, "")
        if publish
        else partial(events.announce, app.state.loop_reads)
    )


def note_commit(app: FastAPI) -> None:
    """There may be events now: our own followers hear of them at once, the others soon."""
    hear_of_events(app)
    app.state.announcer.note()


def hear_of_events(app: FastAPI, _: str = "") -> None:
    app.state.event_feed.wake()
    app.state.webhook_dispatcher.wake()


def open_identity(
    app: FastAPI, settings: Settings, redis: Client | None, stack: AsyncExitStack
) -> None:
    app.state.passwords = PasswordHasher(max_concurrency=settings.password_hash_concurrency)
    app.state.principals = PrincipalCache()
    app.state.token_signer = create_token_signer(settings)
    app.state.token_issuer = TokenIssuer(
        app.state.token_signer, RefreshTokens(settings.signing_secret)
    )
    app.state.rate_limit = create_windows(
        redis, settings.rate_limit_default, is_on=settings.rate_limit_enabled
    )
    open_guess_limits(app, settings, stack)
    stack.callback(app.state.passwords.close)


def open_guess_limits(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    # Of their own: a request that counts may hold a connection already, and many of them
    # would wait for one another.
    few = {"database_pool_size": COUNTED_AT_ONCE, "database_max_overflow": 0}
    engine = create_engine(settings.model_copy(update=few))
    app.state.guess_limits = GuessLimits(create_sessionmaker(engine), settings)
    stack.push_async_callback(engine.dispose)


def open_rooms(app: FastAPI, settings: Settings, redis: Client | None) -> None:
    app.state.message_limit = create_windows(
        redis, settings.room_messages_limit, is_on=settings.rate_limit_enabled
    )
    leases = SocketLeases(app.state.sessionmaker, settings)
    app.state.socket_leases, app.state.rooms = leases, Rooms(app.state.reads, leases)
    app.state.handlers[room_messages.CHANNEL] = app.state.rooms.wake


def open_storage(app: FastAPI, settings: Settings) -> None:
    app.state.storage = create_storage(settings.storage_url)


def open_webhooks(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    app.state.destinations = Destinations(loopback=settings.webhook_loopback)
    client = guarded_client(app.state.destinations)
    stack.push_async_callback(client.aclose)
    sender = WebhookSender(app.state.sessionmaker, client, app.state.sealer)
    app.state.webhook_sender = sender
    app.state.handlers[webhook_queue.CHANNEL] = sender.wake


def open_background(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    app.state.standing = Standing(app.state.reads)
    app.state.worker = create_worker(app, settings)
    app.state.handlers[sessions.CHANNEL] = partial(hear_of_rights, app)
    app.state.handlers[tasks.CHANNEL] = app.state.worker.cancel
    if app.state.replica:
        open_replica(app.state.replica, app.state.handlers, stack)
    followers = [app.state.standing, app.state.event_feed, app.state.announcer]
    loops = [
        create_listener(app, settings),
        *followers,
        app.state.socket_leases,
        app.state.rooms,
        vital_signs(app, settings, stack),
        QueueLevels(app.state.loop_reads),
    ]
    for loop in loops:
        loop.start()
        stack.push_async_callback(loop.close)
    if settings.runs_worker:
        workers = [app.state.worker, app.state.webhook_dispatcher, app.state.webhook_sender]
        stack.push_async_callback(start_together(workers))


def create_worker(app: FastAPI, settings: Settings) -> Worker:
    app.state.mailer = create_mailer(settings.smtp_url.get_secret_value(), settings.mail_folder)
    mail = MailSender(
        app.state.mailer,
        sender=settings.mail_sender,
        public_url=settings.public_url,
        project_name=settings.project_name,
    )
    resources = Resources(app.state.sessionmaker, app.state.reads, app.state.storage, mail)
    features: Features = app.state.features
    cleanup = (idempotency_keys.delete_expired, tasks.delete_old, *features.cleanup)
    return Worker(
        partial(connect, settings, settings.session_url),
        resources,
        jobs=features.jobs,
        schedules=(purge_expired(cleanup), REQUEUE_LOST_TASKS, *features.schedules),
        concurrency=settings.worker_concurrency,
    )


def open_replica(
    replica: Replica, handlers: dict[str, Callable[[str], None]], stack: AsyncExitStack
) -> None:
    handlers[WRITERS] = lambda user_id: replica.note(uuid.UUID(user_id))
    replica.start()
    stack.push_async_callback(replica.close)


def hear_of_rights(app: FastAPI, user_id: str) -> None:
    """Somebody's rights have changed: forget who that is, and ask about open streams."""
    app.state.principals.forget(uuid.UUID(user_id))
    app.state.standing.wake()


def catch_up(app: FastAPI) -> None:
    """What was told while nobody listened is gone: ask about everything."""
    app.state.principals.clear()
    app.state.kept_answers.clear()
    app.state.standing.wake()
    app.state.rooms.wake_all()
    hear_of_events(app)
    if app.state.replica:
        app.state.replica.distrust()


def create_listener(app: FastAPI, settings: Settings) -> Listener | RedisListener:
    handlers, on_reconnect = app.state.handlers, partial(catch_up, app)
    if settings.redis_url:
        # A retry would subscribe again unseen, and what was said meanwhile would be missed.
        once = partial(
            create_redis, settings.redis_url, is_cluster=settings.redis_cluster, retries=0
        )
        return RedisListener(once, handlers, on_reconnect=on_reconnect)
    opened = partial(connect, settings, settings.session_url)
    return Listener(opened, handlers, on_reconnect=on_reconnect)


def create_replica(
    primary: ReadPool, settings: Settings, publish: RedisPublisher | None
) -> Replica | None:
    url = settings.database_replica_url
    if not url:
        return None
    return Replica(
        primary,
        create_reads(settings, url),
        Lag(*(create_reads(settings, each, size=1) for each in (settings.database_url, url))),
        max_lag_seconds=settings.database_replica_max_lag_seconds,
        publish=publish,
    )
