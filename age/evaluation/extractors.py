"""What TFMA does with each batch of examples, in order; TFX's Evaluator loads this module by its path."""

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import extractor

from age.evaluation import decade_extractor, predictions_writer


class _AfterPredicting(beam.PTransform):
    """Adds the decade of age, and writes the predictions where `predictions_writer` was told to."""

    def __init__(self, destination):
        super().__init__()
        self._destination = destination

    def expand(self, extracts):
        extracts = extracts | "AddAgeDecade" >> beam.Map(decade_extractor.add_decade)
        if self._destination is not None:
            _ = extracts | "WritePredictions" >> predictions_writer.WritePredictions(self._destination)
        return extracts


def custom_extractors(eval_shared_model, eval_config, tensor_adapter_config):
    """Returns TFMA's default extractors with ours put in before slicing.

    TFX's Evaluator calls this by name.
    """
    extractors = list(
        tfma.default_extractors(
            eval_shared_model=eval_shared_model,
            eval_config=eval_config,
            tensor_adapter_config=tensor_adapter_config,
        )
    )
    slicing = next(number for number, stage in enumerate(extractors) if stage.stage_name == "ExtractUnbatchedInputs")
    ours = extractor.Extractor(stage_name="AfterPredicting", ptransform=_AfterPredicting(predictions_writer.destination()))
    return [*extractors[:slicing], ours, *extractors[slicing:]]
