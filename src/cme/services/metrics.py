"""``python -m cme.services.metrics --port N``: the figures of the house for Prometheus, on loopback only. `cme up` starts it where
CME_METRICS_PORT is set. Counts, ages and durations; nothing about any child."""

import argparse
import sys
import threading
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cme import clock
from cme.services.ports import LOOPBACK
from cme.services.prefect_server import answers
from cme.services.processes import ProcessSpec
from cme.steps.figures import Figure, figures
from cme.steps.office import open_office


class Figures(Collector):
    """Asks for the figures at every reading. Where they cannot be had ``cme_up`` is 0 and nothing else is said."""

    def __init__(self, ask: Callable[[], list[Figure]]) -> None:
        self.ask = ask

    def collect(self) -> Iterator[GaugeMetricFamily]:
        up = GaugeMetricFamily("cme_up", "1 where the records can be read, else 0")
        families: dict[str, GaugeMetricFamily] = {}
        try:
            for figure in self.ask():
                family = families.setdefault(figure.name, GaugeMetricFamily(f"cme_{figure.name}", figure.says, labels=list(figure.labels)))
                family.add_metric(list(figure.labels.values()), figure.value)
            up.add_metric([], 1)
        except Exception as error:
            print(f"the figures cannot be read ({type(error).__name__})", file=sys.stderr, flush=True)
            families = {}
            up.add_metric([], 0)
        yield up
        yield from families.values()


def metrics(port: int) -> ProcessSpec:
    """The process that serves the figures on loopback."""
    return ProcessSpec(name="metrics", title="the metrics", command=[sys.executable, "-m", "cme.services.metrics", "--port", str(port)],
                       ready=lambda: answers(f"http://{LOOPBACK}:{port}/metrics"))


def serve(ask: Callable[[], list[Figure]], port: int) -> Callable[[], None]:
    """Serve the figures on loopback, on ``port`` (0: any); returns what stops it."""
    registry = CollectorRegistry()
    registry.register(Figures(ask))
    server, thread = start_http_server(port, addr=LOOPBACK, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    stop.port = server.server_port  # type: ignore[attr-defined]
    return stop


def main() -> None:
    arguments = argparse.ArgumentParser(description="The figures of the house for Prometheus.")
    arguments.add_argument("--port", type=int, required=True)
    asked = arguments.parse_args()
    with open_office() as office:
        serve(lambda: figures(office, clock.now()), asked.port)
        threading.Event().wait()


if __name__ == "__main__":
    main()
