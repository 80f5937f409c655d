"""Passwords: hashing with argon2id off the event loop, and rejection of weak ones."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

from passlib.context import CryptContext

from app.config.known_secrets import DEMO_PASSWORD
from app.features.users.opaque_string import prepared
from app.runtime.canonical import canonical
from app.runtime.text import TextRejected

MIN_LENGTH = 12
MAX_LENGTH = 128
# Before normalization, which composes up to four characters into one.
MAX_TYPED_LENGTH = 4 * MAX_LENGTH

ALPHABETS = ("1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
RUNS = tuple((alphabet * MAX_LENGTH)[::step] for alphabet in ALPHABETS for step in (1, -1))


class PasswordProblem(NamedTuple):
    """Why a password is rejected; clients switch on `code`."""

    code: str
    message: str


COMMON = PasswordProblem("password_common", "Choose a password that is harder to guess.")
IS_IDENTITY = PasswordProblem(
    "password_is_identity", "Choose a password that is not your e-mail address or user name."
)


class PasswordHasher:
    """Hashes with argon2id, at most `max_concurrency` passwords at a time.

    It has its own threads: waiting logins cannot starve other work that runs in threads, and
    memory stays below `max_concurrency * memory_kib` however many of them wait.
    """

    def __init__(
        self,
        max_concurrency: int = 2,
        *,
        memory_kib: int = 19_456,
        time_cost: int = 2,
        parallelism: int = 1,
    ) -> None:
        self._context = CryptContext(
            schemes=["argon2"],
            argon2__type="ID",
            argon2__memory_cost=memory_kib,
            argon2__time_cost=time_cost,
            argon2__parallelism=parallelism,
        )
        self._threads = ThreadPoolExecutor(max_concurrency, thread_name_prefix="password")

    async def hash(self, password: str) -> str:
        """Hash the prepared password; return a PHC string with a random salt.

        Raises:
            ValueError: the password holds a lone surrogate or more than 4,096 bytes.
        """
        secret, loop = candidates(password)[0], asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._context.hash, secret)

    async def verify(self, password: str, hash: str | None) -> bool:
        """Return whether the password matches; a hash of None (unknown user) takes as long.

        Raises:
            ValueError: the password holds a lone surrogate or more than 4,096 bytes, or the hash
                is damaged.
        """
        loop = asyncio.get_running_loop()
        for secret in candidates(password):
            if await loop.run_in_executor(self._threads, self._context.verify, secret, hash):
                return True
        return False

    def needs_rehash(self, hash: str) -> bool:
        """Return whether the hash was made with other parameters than the current ones."""
        return self._context.needs_update(hash)

    def close(self) -> None:
        """Finish running hashes and cancel waiting ones."""
        self._threads.shutdown(cancel_futures=True)


def candidates(password: str) -> list[bytes]:
    """Return the possible inputs of the hash: prepared, or as typed for hashes from elsewhere."""
    try:
        texts = [prepared(password), password]
    except TextRejected:
        texts = [password]
    return [text.encode() for text in dict.fromkeys(texts)]


def password_problem(password: str, *, email: str, username: str) -> PasswordProblem | None:
    """Return why a new password is rejected, or None; the schema checks its length.

    Raises:
        ValueError: one of the three texts contains a lone surrogate.
    """
    plain = canonical(password)
    if plain in {canonical(email), canonical(username)}:
        return IS_IDENTITY
    if plain in common_passwords() or is_repeated(plain) or is_run(plain):
        return COMMON
    return None


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """Load the passwords ranked by zxcvbn that are long enough, and the demo password."""
    # Importing zxcvbn takes 50 ms and 15 MiB, needed only to check a new password.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    words = (word for ranked in FREQUENCY_LISTS.values() for word in ranked)
    return frozenset(word for word in words if len(word) >= MIN_LENGTH) | {DEMO_PASSWORD}


def is_repeated(plain: str) -> bool:
    """Return whether the password repeats a text that would be too short by itself."""
    longest = min(MIN_LENGTH - 1, len(plain) // 2)
    return any(plain.startswith(plain[period:]) for period in range(1, longest + 1))


def is_run(plain: str) -> bool:
    return any(plain in run for run in RUNS)
