"""Whichever worker is asked, its metrics are those of all."""

import os
import signal

from tests.api.test_prometheus import Figures, requests
from tests.e2e.service import Service
from tests.polling import wait_until

ASKED = {"method": "GET", "route": "/version", "status": "200"}


def scrape(service: Service) -> Figures:
    return Figures(service.request("GET", "/metrics").text)


class TestWorkers:
    def test_answer_with_the_sum_of_all(self, service: Service) -> None:
        before = requests(scrape(service), **ASKED)
        workers = service.workers()

        for worker in workers:
            with service.only(worker):
                service.request("GET", "/version")

        assert len(workers) == 2
        for worker in workers:
            with service.only(worker):
                assert requests(scrape(service), **ASKED) == before + 2

    def test_that_died_still_count_for_what_they_did(self, service: Service) -> None:
        victim, survivor = service.workers()
        with service.only(victim):
            service.request("GET", "/version")
        before = requests(scrape(service), **ASKED)
        wait_until(lambda: scrape(service).value("workers") == 2)

        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in service.workers() and len(service.workers()) == 2)

        with service.only(survivor):
            assert requests(scrape(service), **ASKED) == before
        wait_until(lambda: scrape(service).value("workers") == 2)
