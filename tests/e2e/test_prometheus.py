"""Metrics of any worker include those of all workers."""

import os
import signal

from tests.e2e.service import Service
from tests.features.prometheus.test_router import Figures, requests
from tests.polling import wait_until

ASKED = {"method": "GET", "route": "/version", "status": "200"}


def scrape(service: Service) -> Figures:
    return Figures(service.request("GET", "/metrics").text)


def asked(service: Service) -> float:
    return requests(scrape(service), **ASKED)


class TestWorkers:
    def test_metrics_are_the_sum_of_all_workers(self, service: Service) -> None:
        before = asked(service)
        workers = service.workers()

        for worker in workers:
            with service.only(worker):
                service.request("GET", "/version")
        # A request is counted after its response, and a stopped worker counts nothing.
        wait_until(lambda: asked(service) == before + 2)

        assert len(workers) == 2
        for worker in workers:
            with service.only(worker):
                assert asked(service) == before + 2

    def test_counters_of_dead_workers_are_included(self, service: Service) -> None:
        victim, survivor = service.workers()
        before = asked(service) + 1
        with service.only(victim):
            service.request("GET", "/version")
        wait_until(lambda: asked(service) == before)
        wait_until(lambda: scrape(service).value("workers") == 2)

        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in service.workers() and len(service.workers()) == 2)

        with service.only(survivor):
            assert asked(service) == before
        wait_until(lambda: scrape(service).value("workers") == 2)
