"""What has expired goes; what has not stays."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from fastapi import FastAPI
from sqlalchemy import func, select

from app.core.clock import now
from app.db.leadership import is_leader
from app.db.session import transaction
from app.jobs.housekeeping import LOCK, Housekeeping
from app.models.api_key import ApiKey
from app.models.idempotency_key import IdempotencyKey
from app.models.mail import Mail, Template
from app.models.mailed_token import MailedToken, Purpose
from app.models.session import Session
from app.models.throttle import Throttle
from app.models.ticket import Ticket
from app.models.user import User
from tests.conftest import Save

LONG_AGO = timedelta(days=400)


def rows(user: User, age: timedelta) -> list[Any]:
    """One row of each kind, as old as `age`."""
    then = now() - age
    key = str(age)
    return [
        Session(
            user_id=user.id,
            scopes=[],
            rotated_at=then,
            last_used_at=then,
            idle_expires_at=then + timedelta(days=1),
            expires_at=then + timedelta(days=1),
        ),
        MailedToken(
            user_id=user.id,
            purpose=Purpose.VERIFY_EMAIL,
            email_canonical="",
            token_hash=key.encode(),
            expires_at=then + timedelta(hours=1),
        ),
        Throttle(key=key, attempts=1, streak=1, window_ends_at=then),
        IdempotencyKey(
            caller="", key=key, fingerprint=b"", status=201, headers={}, body=b"", created_at=then
        ),
        Mail(recipient="", template=Template.VERIFY_EMAIL, sent_at=then),
    ]


async def counts(app: FastAPI, models: Sequence[type[Any]]) -> dict[str, int]:
    async with transaction(app.state.sessionmaker) as session:
        return {
            model.__name__: await session.scalar(select(func.count(model.id))) or 0
            for model in models
        }


def keeper(app: FastAPI) -> Housekeeping:
    return Housekeeping(app.state.sessionmaker, app.state.reads, app.state.storage)


class TestHousekeeping:
    async def test_deletes_what_has_expired_and_nothing_else(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        fresh, stale = rows(user, timedelta(0)), rows(user, LONG_AGO)
        for row in (*fresh, *stale):
            await save(row)

        did_it = await keeper(app).run_once()

        assert did_it
        assert set((await counts(app, [type(row) for row in fresh])).values()) == {1}

    async def test_deletes_tickets_that_nobody_used(
        self, app: FastAPI, user: User, save: Save
    ) -> None:
        key = await save(
            ApiKey(user_id=user.id, name="", prefix="1f2e3d4c5b6a", secret_hash=b"", scopes=[])
        )
        for seconds in (-1, 30):
            await save(
                Ticket(
                    user_id=user.id,
                    api_key_id=key.id,
                    scopes=[],
                    secret_hash=str(seconds).encode(),
                    expires_at=now() + timedelta(seconds=seconds),
                )
            )

        await keeper(app).run_once()

        assert await counts(app, [Ticket]) == {"Ticket": 1}

    async def test_leaves_it_to_the_process_that_is_at_it(self, app: FastAPI) -> None:
        async with transaction(app.state.sessionmaker) as session:
            await is_leader(session, LOCK)

            did_it = await keeper(app).run_once()

        assert not did_it
