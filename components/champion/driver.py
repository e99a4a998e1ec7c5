"""What Champion does before TFX looks into its cache."""

from tfx.dsl.components.base import base_driver
from tfx.proto.orchestration import driver_output_pb2

from components.champion import lookup

FOUND = "found_"
"""Beginning of the names of the parameters that say what was found."""


class Driver(base_driver.BaseDriver):
    """Looks up the champion each time, and makes what it finds a part of the cache's key.

    TFX's cache compares the artifacts from which later steps take their parameters, not their values: only where Champion itself
    comes from the cache does the evaluation.
    """

    def run(self, execution_info):
        """Returns versions and digests as further parameters of the execution."""
        output = driver_output_pb2.DriverOutput()
        for name, value in lookup.look_up(execution_info.input_dict, execution_info.exec_properties).items():
            if isinstance(value, int):
                output.exec_properties[FOUND + name].int_value = value
            else:
                output.exec_properties[FOUND + name].string_value = value
        return output
