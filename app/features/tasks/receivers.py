"""Receiver of a signal: unfinished tasks are cancelled with the account of their owner."""

from app.db.unit_of_work import UnitOfWork
from app.features.tasks import crud as tasks
from app.features.users.signals import MachineAccessRevoked, RevocationReason

ENDS_OF_ACCOUNTS = (RevocationReason.ACCOUNT_DISABLED, RevocationReason.ACCOUNT_DELETED)


async def cancel_tasks(uow: UnitOfWork, signal: MachineAccessRevoked) -> None:
    if signal.reason in ENDS_OF_ACCOUNTS:
        await tasks.cancel_all(uow, signal.user_id)
