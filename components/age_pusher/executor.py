"""The work of Pusher."""

from tfx.components.pusher import executor as tfx_pusher
from tfx.proto import pusher_pb2
from tfx.utils import proto_utils

from components import run_parameters


class Executor(tfx_pusher.Executor):
    """TFX's Pusher under a destination made from a plain parameter."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Copies a blessed model to a new version of the serving directory.

        Raises:
            BadInput: the serving directory is not named.
        """
        serving_dir = exec_properties["serving_dir"]
        run_parameters.require_text(serving_dir=serving_dir)
        destination = pusher_pb2.PushDestination(filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=serving_dir))
        super().Do(input_dict, output_dict, {"push_destination": proto_utils.proto_to_json(destination)})
