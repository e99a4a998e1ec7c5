"""The HTTP server that answers with the version being served, in two languages: TensorFlow Serving's and the Open Inference
Protocol's."""
