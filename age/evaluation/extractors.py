"""What TFMA does with each batch of examples, in order; TFX's Evaluator loads this module by its path."""

from typing import TYPE_CHECKING

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.extractors import extractor
from tensorflow_model_analysis.proto import config_pb2

from age.evaluation import decade_extractor, predictions_writer

if TYPE_CHECKING:
    from tfx_bsl.tfxio import tensor_adapter

_Extracts = beam.pvalue.PCollection[types.Extracts]


class _AfterPredicting(beam.PTransform[_Extracts, _Extracts]):
    """Adds the decade of age, and writes the predictions where `predictions_writer` was told to."""

    def __init__(self, destination: predictions_writer.Destination | None):
        super().__init__()
        self._destination = destination

    def expand(self, extracts: _Extracts) -> _Extracts:
        if self._destination is not None:
            # While the images' bytes are still there: one more model may be asked.
            _ = extracts | "WritePredictions" >> predictions_writer.WritePredictions(self._destination)
        decades: _Extracts = extracts | "AddAgeDecade" >> beam.Map(decade_extractor.add_decade)
        return decades


def custom_extractors(
    eval_shared_model: types.MaybeMultipleEvalSharedModels,
    eval_config: config_pb2.EvalConfig,
    tensor_adapter_config: "tensor_adapter.TensorAdapterConfig | None",
) -> list[extractor.Extractor]:
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
