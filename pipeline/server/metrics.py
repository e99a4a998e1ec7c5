"""What the server counts and measures, in Prometheus' conventions."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_YEARS = tuple(range(5, 121, 5))


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=self._registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(name, text, registry=self._registry)

        self.requests = counter("age_requests_total", "Requests by route and status of HTTP.", "route", "status")
        self.request_seconds = histogram(
            "age_request_seconds", "From the headers of a request to the end of its answer.", _SECONDS, "route"
        )
        self.requests_in_flight = gauge("age_requests_in_flight", "Requests that are read or answered now.")
        self.waiting_bytes = gauge("age_waiting_bytes", "Bytes of the bodies of those requests.")
        self.photographs = counter(
            "age_photographs_total", "Photographs that were asked about, by what came of it.", "outcome"
        )
        self.photographs_warned = counter(
            "age_photographs_warned_total", "Photographs whose age may be far off: unlike what the model learnt from."
        )
        self.predicted_age = histogram("age_predicted_age_years", "Ages that the model answered with.", _YEARS)
        self.batch_photographs = histogram(
            "age_batch_photographs", "Photographs in a call of the model.", (1, 2, 4, 8, 16, 24, 32)
        )
        self.queue_seconds = histogram("age_queue_seconds", "How long a photograph waited for its batch.", _SECONDS)
        self.model_seconds = histogram("age_model_seconds", "How long a call of the model took.", _SECONDS)
        self.model_version = gauge("age_model_version", "The version that answers; 0 where there is none.")
        self.model_loads = counter("age_model_loads_total", "Versions that were taken up or refused.", "outcome")
        self.ready = gauge("age_ready", "Whether requests should be sent here.")

    def text(self) -> bytes:
        """Returns all of them as Prometheus reads them."""
        return generate_latest(self._registry)
