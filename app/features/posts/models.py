"""Posts: texts of users, as drafts or published."""

import enum
import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.base import Base, Versioned, text_enum
from app.errors import Conflict
from app.features.users.models.user import User

SEARCHED = "title || ' ' || body"
# As PostgreSQL stores the expression, which Alembic compares it with.
STORED = "(title::text || ' '::text) || body::text"


class Status(enum.StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


class AlreadyPublished(Conflict):
    code = "already_published"
    title = "Already published"
    remedy = "Nothing is left to do: everybody sees the post."


class NotPublished(Conflict):
    code = "not_published"
    title = "Not published"
    remedy = "Nothing is left to do: the post is a draft."


class Post(Versioned, Base):
    """A text by one author, hidden from others until it is published."""

    __tablename__ = "posts"
    __table_args__ = (
        CheckConstraint(
            "(status = 'published') = (published_at IS NOT NULL)", name="published_has_a_time"
        ),
        Index("ix_posts_created_at", "created_at", "id"),
        Index("ix_posts_title", "title", "id"),
        Index("ix_posts_author_id", "author_id", "created_at", "id"),
        Index("ix_posts_status", "status", "created_at", "id"),
        Index("ix_posts_search_lexemes", text(f"search_lexemes({STORED})"), postgresql_using="gin"),
    )

    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(String(20_000))
    author_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    status: Mapped[Status] = mapped_column(text_enum(Status), default=Status.DRAFT)
    published_at: Mapped[datetime | None]

    author: Mapped[User] = relationship(lazy="raise")

    def publish(self, at: datetime) -> None:
        """Publish the post.

        Raises:
            AlreadyPublished: it is published.
        """
        if self.status is Status.PUBLISHED:
            raise AlreadyPublished("The post is already published.")
        self.status, self.published_at = Status.PUBLISHED, at

    def unpublish(self) -> None:
        """Make the post a draft again.

        Raises:
            NotPublished: it is a draft.
        """
        if self.status is not Status.PUBLISHED:
            raise NotPublished("The post is not published.")
        self.status, self.published_at = Status.DRAFT, None
