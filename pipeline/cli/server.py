"""Answering over the network: `serve`."""

import os

import click

from pipeline.cli import options


@click.command()
@click.option("--serving-dir", metavar="DIR", help="The directory with the versions (serving.dir).")
@click.option("--host", metavar="ADDRESS", help="The address to listen on (serve.host).")
@click.option("--port", metavar="N", type=int, help="The port (serve.port).")
@click.option("--faces", is_flag=True, help="Answer for the faces in a photograph, and not for the whole (serve.faces).")
@options.face_detector
@options.configuration
def serve(serving_dir, host, port, faces, face_detector, load_configuration):
    """Answer over HTTP with the version being served, and take up what is pushed, rolled back or withdrawn.

    Speaks TensorFlow Serving's REST form (/v1/models/age) and the Open Inference Protocol (/v2/models/age). Ends after SIGTERM
    or Ctrl-C when what was asked is answered. The log on standard error is JSON.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    configured = load_configuration()
    if serving_dir:
        configured = configured.model_copy(update={"serving": configured.serving.model_copy(update={"dir": serving_dir})})
    chosen = {name: value for name, value in (("host", host), ("port", port), ("faces", faces or None)) if value is not None}
    from pipeline.server import running

    running.serve(
        configured.serving_dir, configured.serve.model_copy(update=chosen), face_detector or configured.data.face_detector
    )


COMMANDS = (serve,)
