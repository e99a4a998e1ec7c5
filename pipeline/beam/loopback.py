"""Has the servers by which Beam's DirectRunner talks to its worker processes listen on the loopback interface alone.

With several workers (`direct_num_workers`) they listen on every interface in Beam 2.62 to 2.70, without asking who calls: they hand
out the pipeline and its data, and read any file that they are asked for. The workers themselves call `localhost`.
"""

import types
from collections.abc import Iterable

_EVERYWHERE, _LOOPBACK = "[::]:", "localhost:"


def listen_there_only(arguments: Iterable[str]) -> None:
    """Applies to every server that Beam's DirectRunner starts in this process from now on.

    Args:
        arguments: what Beam or a step is told; nothing is done, and nothing loaded, where no option of the DirectRunner is among
            them, which then starts no server.
    """
    if not any(argument.startswith("--direct_") for argument in arguments):
        return
    from apache_beam.runners.portability import local_job_service
    from apache_beam.runners.portability.fn_api_runner import worker_handlers

    for module in (worker_handlers, local_job_service):
        if isinstance(module.grpc, types.ModuleType):
            module.grpc = _Grpc(module.grpc)


class _Grpc:
    """The module `grpc`, whose servers take `[::]` for `localhost`."""

    def __init__(self, module: types.ModuleType):
        self._module = module

    def __getattr__(self, name: str):
        return getattr(self._module, name)

    def server(self, *arguments, **options):
        made = self._module.server(*arguments, **options)
        listen = made.add_insecure_port
        made.add_insecure_port = lambda address: listen(address.replace(_EVERYWHERE, _LOOPBACK))
        return made
