"""Steps report to whoever listens, from any thread and from Beam's workers."""

import threading

import apache_beam as beam

from age import progress
from age.progress import Progress


def test_listener_gets_what_is_reported_while_it_listens_and_nothing_else_happens():
    heard, outer = [], []

    progress.report("Before")
    with progress.listening(outer.append):
        with progress.listening(heard.append):
            progress.report("Counting", done=3, total=9, unit="sheep", detail="asleep soon")
            progress.conclude("9 sheep")
        progress.report("Outer")
    progress.report("After")
    progress.add("After", done=1)

    assert heard == [Progress("Counting", 3, 9, "sheep", "asleep soon"), Progress("9 sheep", outcome=True)]
    assert outer == [Progress("Outer")]


def test_what_threads_add_is_summed_and_what_is_to_come_is_no_news():
    heard = []

    def work():
        for _ in range(500):
            progress.add("Hashing", done=2, unit="rows")

    with progress.listening(heard.append):
        progress.add("Hashing", total=8000, unit="rows")
        assert heard == []
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [report.done for report in heard] == list(range(2, 8001, 2))
    assert heard[-1] == Progress("Hashing", 8000, 8000, "rows")


def test_beam_pickles_functions_that_report_and_their_reports_arrive():
    class Doing(beam.DoFn):
        def process(self, element):
            progress.add("Working", done=element, unit="things")
            yield element

    heard = []
    with progress.listening(heard.append), beam.Pipeline("DirectRunner") as pipeline:
        _ = pipeline | beam.Create([1, 2, 3]) | beam.ParDo(Doing())

    assert heard[-1] == Progress("Working", 6, 0, "things")
