"""What Champion does before TFX looks into its cache."""

from tfx.dsl.components.base import base_driver
from tfx.proto.orchestration import driver_output_pb2

from components.champion import lookup

VERSION, DIGEST = "found_version", "found_digest"


class Driver(base_driver.BaseDriver):
    """Looks up the champion each time, and makes what it finds a part of the cache's key.

    TFX's cache compares the artifacts from which later steps take their parameters, not their values: only where Champion itself
    comes from the cache does the evaluation.
    """

    def run(self, execution_info):
        """Returns version and digest as further parameters of the execution."""
        found = lookup.look_up(execution_info.input_dict, execution_info.exec_properties)
        output = driver_output_pb2.DriverOutput()
        output.exec_properties[VERSION].int_value = found.version
        output.exec_properties[DIGEST].string_value = found.digest
        return output
