"""The work of FaceExampleGen."""

import json
import os

from absl import logging
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from age import progress, storage
from age.dataset import beam_leftovers, example_framing, ingestion, label_file
from age.dataset.split_groups import Grouping
from age.faces.detection import FaceDetector
from age.faces.face_reader import FaceReader
from age.faces.framing import ALIGNED, FRAMING
from components.artifacts import EXAMPLES_PROPERTY
from schemas import features
from schemas.age_schema import Limits


class Executor(base_beam_executor.BaseBeamExecutor):
    """Ingests a data directory with Beam."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes the examples, the rejects and the counts.

        Args:
            input_dict: empty.
            output_dict: `examples` (Examples) and `rejects` (Rejects), one artifact each.
            exec_properties: those of `FaceExampleGenSpec`.

        Raises:
            BadInput: the label file is missing or is none.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        rejects = artifact_utils.get_single_instance(output_dict["rejects"])
        fractions = json.loads(exec_properties["splits"])
        data_dir = exec_properties["data_dir"]
        grouping = Grouping(**json.loads(exec_properties["grouping"]))
        header = label_file.read_header(storage.join(data_dir, features.LABEL_FILE), grouping.column)

        examples.split_names = artifact_utils.encode_split_names(list(fractions))
        split_dirs = {split: artifact_utils.get_split_uri([examples], split) for split in fractions}
        for directory in (*split_dirs.values(), rejects.uri):
            storage.make_directory(directory)
        path = exec_properties["face_detector"]
        detector = FaceDetector.load(path) if path else None
        aligned = bool(detector and exec_properties["align"])
        with self._make_beam_pipeline() as pipeline:
            ingestion.ingest(
                pipeline,
                data_dir=data_dir,
                split_dirs=split_dirs,
                rejects_dir=rejects.uri,
                fractions=fractions,
                limits=Limits(**json.loads(exec_properties["limits"])),
                attribute_names=list(header.attributes),
                reader=FaceReader(detector, ALIGNED) if detector and aligned else None,
                grouping=grouping,
            )
        for directory in (*split_dirs.values(), rejects.uri):
            beam_leftovers.remove(directory)
        counts = json.loads(storage.read_bytes(os.path.join(rejects.uri, ingestion.COUNTS_FILE)))
        logging.info("Ingested %s: %s", data_dir, counts)
        progress.conclude(
            f"{counts['used']} of {counts['rows']} rows used, {counts['rejected']} rejected, {counts['duplicates']} duplicates"
        )
        examples.set_string_custom_property(features.ATTRIBUTES_PROPERTY, json.dumps(header.attributes))
        examples.set_string_custom_property("data_fingerprint", exec_properties["data_fingerprint"])
        rejects.set_string_custom_property(EXAMPLES_PROPERTY, examples.uri)
        rejects.set_string_custom_property(features.ATTRIBUTES_PROPERTY, json.dumps(header.attributes))
        if detector:
            self._describe_framing(examples, detector, aligned, os.path.join(split_dirs[features.TRAIN], "*"))
        for name in ("rows", "used", "rejected", "duplicates"):
            rejects.set_int_custom_property(name, counts[name])

    def _describe_framing(self, examples, detector, aligned, train_files):
        """Says in the examples how faces lie in them, which the model takes over: who asks it cuts faces out in the same way."""
        framing = ALIGNED if aligned else example_framing.measure(train_files, detector)
        if framing is None:
            logging.warning("Too few faces were found to tell how they lie in the photographs; the model will not know it.")
            return
        values = {**framing.as_values(), "aligned": aligned, "face_detector": detector.digest}
        logging.info("Framing: %s", values)
        examples.set_string_custom_property(FRAMING, json.dumps(values))
