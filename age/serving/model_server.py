"""Asks an exported model through the binary of TensorFlow Serving, where the configuration names one (`pusher.model_server`).

The binary is started as its sources say (https://github.com/tensorflow/serving, `model_servers/main.cc` and `server.cc`): it loads the
model, answers its warm-up requests, and only then listens. Its HTTP and gRPC ports would be open on every interface, whatever else
it is told, while it holds photographs of people; so it is given none (`--port=0`) and is asked through a socket in a folder of
this user alone (`--grpc_socket_path`).
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from age.serving import canary_process
from schemas.bad_input import BadInput

if TYPE_CHECKING:
    import grpc

_MODEL_NAME = "age"
_VERSION_SECONDS = 60
_POLL_SECONDS = 0.05
_NOT_STARTED = "Failed to start server. Error: "


def require(binary: str) -> str:
    """Looks whether there is such a server and whether it starts here.

    Args:
        binary: path, or name on the `PATH`.

    Returns:
        What it is called in a verdict, such as `TensorFlow Serving 2.16.1`.

    Raises:
        BadInput: it can't be started, or is another program.
    """
    expected = "Expected the path of TensorFlow Serving's tensorflow_model_server; null has the canary use TensorFlow alone."
    path = shutil.which(binary)
    if path is None:
        raise BadInput(f"pusher.model_server is {binary}, and there is no such program here that can be run. {expected}")
    try:
        ended = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadInput(f"pusher.model_server is {path}, and it can't be started: {error}. {expected}") from error
    said = (ended.stdout + ended.stderr).decode("utf-8", "replace").strip().splitlines()
    version = next((line.partition(":")[2].strip() for line in said if line.startswith("TensorFlow ModelServer:")), None)
    if version is None:
        found = f"it ended with status {ended.returncode}{f' and {said[-1][:200]!r}' if said else ''} when it was asked for its version"
        raise BadInput(f"pusher.model_server is {path}, and {found}. {expected}")
    return f"TensorFlow Serving {version}"


def ask(
    binary: str,
    model: str,
    requests: Sequence[Sequence[bytes]],
    directory: str,
    environment: Mapping[str, str],
    timeout: float,
) -> tuple[int, str, dict[str, Any]]:
    """Starts the server with one model, asks it, and ends it.

    Args:
        binary: path, or name on the `PATH`.
        model: directory of the SavedModel.
        requests: lists of encoded images, one for each request.
        directory: an empty folder that no other user can enter; its path has less than 80 characters.
        environment: the server's variables.
        timeout: seconds that it may take in all.

    Returns:
        The exit status with which it ended by itself, or 0; the last that it said then; and what `canary_process.ask` returns.

    Raises:
        BadInput: there is no such server.
        subprocess.TimeoutExpired: it took longer.
    """
    found: dict[str, Any] = {"server": require(binary), "answers": [], "seconds": []}
    versions, socket, log = (os.path.join(directory, name) for name in ("versions", "socket", "log"))
    os.mkdir(versions)
    os.symlink(os.path.abspath(model), os.path.join(versions, "1"))
    command = [
        shutil.which(binary) or binary,
        "--port=0",
        f"--grpc_socket_path={socket}",
        f"--model_name={_MODEL_NAME}",
        f"--model_base_path={versions}",
        "--max_num_load_retries=0",
    ]
    began = time.monotonic()
    with open(log, "wb") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=directory, env=dict(environment)
        )
    try:
        _ask(server, socket, requests, found, began + timeout)
    except TimeoutError as error:
        raise subprocess.TimeoutExpired(command, timeout) from error
    finally:
        status = _end(server)
    if not status:
        return 0, "", found
    with open(log, encoding="utf-8", errors="replace") as lines:
        said = [line.strip() for line in lines if line.strip()]
    refusal = next((line.removeprefix(_NOT_STARTED) for line in said if line.startswith(_NOT_STARTED)), None)
    if refusal is not None:
        return 0, "", {**found, "problem": refusal}
    return status, said[-1] if said else "", found


def _ask(
    server: "subprocess.Popen[bytes]", socket: str, requests: Sequence[Sequence[bytes]], found: dict[str, Any], end: float
) -> None:
    """Puts what the server answers into `found`, until it has ended by itself.

    Raises:
        TimeoutError: it took longer than till `end`.
    """
    import grpc

    began = time.monotonic()
    while not os.path.exists(socket):
        if server.poll() is not None:
            return
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(_POLL_SECONDS)
    found["load_seconds"] = time.monotonic() - began
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"unix:{socket}", options=unlimited) as channel:
        for request in requests:
            began = time.monotonic()
            try:
                answer = _predict(channel, request, end)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise TimeoutError from error
                if error.code() != grpc.StatusCode.UNAVAILABLE or not _has_ended(server):
                    found["problem"] = f"{error.code().name}: {error.details()}"
                return
            except (KeyError, ValueError) as error:
                found["problem"] = f"its answer has no ages: {error}"
                return
            found["seconds"].append(time.monotonic() - began)
            found["answers"].append(answer)
    found["peak_memory"] = canary_process.peak_memory(server.pid)


def _predict(channel: "grpc.Channel", images: Sequence[bytes], end: float) -> list[float]:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = _MODEL_NAME, canary_process.SERVING_IMAGES
    request.inputs[canary_process.IMAGES_INPUT].CopyFrom(tf.make_tensor_proto(list(images), tf.string))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answered = stub.Predict(request, timeout=max(end - time.monotonic(), 0.001), wait_for_ready=True)
    if canary_process.AGE_OUTPUT not in answered.outputs:
        raise KeyError(canary_process.AGE_OUTPUT)
    ages: list[float] = tf.make_ndarray(answered.outputs[canary_process.AGE_OUTPUT]).tolist()
    return ages


def _has_ended(server: "subprocess.Popen[bytes]") -> bool:
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(server: "subprocess.Popen[bytes]") -> int:
    """Ends the server, and returns the status with which it had ended by itself; 0 where it had not."""
    if server.poll() is not None:
        return server.returncode
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    return 0
