"""ML Metadata's gRPC service: its own C++ store, which the `ml-metadata` package brings, behind a server of Python's gRPC.

Requests and answers pass through as they are on the wire. The server of Kubeflow's image has the same store behind gRPC's C++.
"""

from __future__ import annotations

import pathlib
import threading
from concurrent import futures

import grpc
from ml_metadata.metadata_store.pywrap.metadata_store_extension import metadata_store
from ml_metadata.proto import metadata_store_pb2

_SERVICE = "ml_metadata.MetadataStoreService"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class _Store(grpc.GenericRpcHandler):
    """Every method of the service that the store has a function for.

    Args:
        database: file of the SQLite database.
    """

    def __init__(self, database: pathlib.Path):
        configuration = metadata_store_pb2.ConnectionConfig()
        configuration.sqlite.filename_uri = str(database)
        self._store = metadata_store.CreateMetadataStore(
            configuration.SerializeToString(), metadata_store_pb2.MigrationOptions().SerializeToString()
        )
        self._one_at_a_time = threading.Lock()

    def service(self, handler_call_details):
        _, service, method = handler_call_details.method.split("/")
        function = getattr(metadata_store, method, None)
        if service != _SERVICE or function is None:
            return None

        def answer(request: bytes, context) -> bytes:
            with self._one_at_a_time:
                response, message, code = function(self._store, request)
            if code:
                context.abort(_CODES[code], message.decode())
            return response

        return grpc.unary_unary_rpc_method_handler(answer)


def serve(database: pathlib.Path, address: str) -> grpc.Server:
    """Starts the service.

    Args:
        database: file of the store's SQLite database.
        address: host and port.
    """
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((_Store(database),))
    server.add_insecure_port(address)
    server.start()
    return server
