"""Response cache: entity tags and lifetime; the rest is the single-flight cache."""

from app.features.categories.response_cache import LIFETIME_SECONDS, cacheable


def test_entity_tag_is_a_function_of_the_body() -> None:
    first, again, other = (cacheable(body)[0] for body in (b"1", b"1", b"2"))

    assert first.etag == again.etag != other.etag


def test_response_is_kept_for_less_than_a_few_seconds() -> None:
    assert cacheable(b"1")[1] == LIFETIME_SECONDS <= 5
