"""The models that are being served: their directory, and asking one of them.

from age.serving import Predictor

predictor = Predictor.load("runs/faces")
(answer,) = predictor.predict(["anna.jpg"])
print(answer.age, "years")
"""

from age.serving.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor"]
