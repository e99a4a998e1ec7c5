"""The models that are being served: their directory, and asking one of them.

from age.serving import Predictor

predictor = Predictor.load("runs/faces")
(answer,) = predictor.predict(["anna.jpg"])
print(answer.age, "years")
"""

import typing

if typing.TYPE_CHECKING:
    from age.serving.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]


def __getattr__(name: str) -> object:
    """Loads the predictor, and NumPy with it, when it is asked for: reports need the directory alone."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from age.serving import predictor

    found: object = getattr(predictor, name)
    return found
