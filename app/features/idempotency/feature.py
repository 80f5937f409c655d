"""Idempotency keys: a repeated POST gets the response of the first one. ADR 0003."""

from app.feature import Feature
from app.features.idempotency import crud
from app.features.idempotency.replay import respond_idempotently

feature = Feature(
    name="idempotency",
    respond_to_write=respond_idempotently,
    cleanup=(crud.delete_expired,),
)
