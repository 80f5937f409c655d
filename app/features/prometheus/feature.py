"""Prometheus: an endpoint with the metrics of all workers, and samplers of gauges. ADR 0013."""

from app.feature import Feature
from app.features.prometheus.lifespan import lifespan
from app.features.prometheus.router import router

feature = Feature(
    name="prometheus",
    requires=("background_jobs",),
    root_routers=(router,),
    lifespan=lifespan,
)
