"""Faces in photographs: where they are, how they lie in the picture, and cut out as a model learnt to see them."""
