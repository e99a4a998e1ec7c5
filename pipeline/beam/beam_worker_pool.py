"""The pool that starts Beam's Python workers for a distributed runner: `python -m pipeline.beam.beam_worker_pool --port 50000`.

A TaskManager asks the pool beside it for a worker (Beam's environment type EXTERNAL). The worker, a process of its own,
fetches its work from the TaskManager, and ends when the TaskManager hangs up.

Beam's own pool (`apache_beam.runners.worker.worker_pool_main`) listens on every interface, though who reaches it can have
code run; stops workers that print much, because nobody reads the pipe; leaves them behind when it is told to end; and knows
them by names that two TaskManagers give twice, so that one of them stops the other's. This one does not.
"""

import argparse
import concurrent.futures
import logging
import signal
import subprocess
import sys

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

_WORKER = (
    "import sys; from apache_beam.runners.worker.sdk_worker import SdkHarness; "
    "SdkHarness(sys.argv[1], worker_id=sys.argv[2]).run()"
)
_PATIENCE = 5


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Starts a process for each worker that is asked for."""

    def __init__(self):
        self._workers: list[subprocess.Popen] = []

    def StartWorker(self, request, context):
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        command = [sys.executable, "-c", _WORKER, request.control_endpoint.url, request.worker_id]
        try:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"The worker can't be started: {error}")
        logging.info("Worker %s of %s is process %d", request.worker_id, request.control_endpoint.url, worker.pid)
        self._workers.append(worker)
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request, context):
        """Does nothing: another TaskManager may have a worker of that name, and the one that is meant ends by itself."""
        return beam_fn_api_pb2.StopWorkerResponse()

    def stop(self) -> None:
        """Ends every worker."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            try:
                worker.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=50000)
    parser.add_argument("--host", default="localhost", help="the interface to listen on")
    given = parser.parse_args()
    # Beam 2.70 warns while it is imported, and with that has chosen another form already.
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    pool = WorkerPool()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        server.add_insecure_port(f"{given.host}:{given.port}")
    except RuntimeError:
        sys.exit(f"Port {given.port} of {given.host} can't be listened on: choose another one with --port.")
    server.start()
    logging.info("Starting workers on request at %s:%d", given.host, given.port)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(0))
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(0)
    pool.stop()


if __name__ == "__main__":
    main()
