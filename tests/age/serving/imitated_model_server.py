"""Imitates TensorFlow Serving's binary, which is in no package registry, as its sources have it (`main.cc`, `server.cc`, `server_core.cc`).

Of its flags it knows those that concern one model and where it listens, with their defaults. It loads the newest version below
`--model_base_path`, answers its warm-up requests, and then serves the services that TensorFlow Serving's own messages define. What
it can't show is how the real one loads and computes: it is Python with TensorFlow.
"""

import argparse
import concurrent.futures
import os
import signal
import sys

import grpc


def loaded(base_path):
    """Returns the module of the newest version and its signature, warmed up."""
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    newest = os.path.join(base_path, max((name for name in os.listdir(base_path) if name.isdigit()), key=int))
    module = tf.saved_model.load(newest)
    warm_up = os.path.join(newest, "assets.extra", "tf_serving_warmup_requests")
    if os.path.exists(warm_up):
        for record in tf.data.TFRecordDataset(warm_up).as_numpy_iterator():
            answer(module, prediction_log_pb2.PredictionLog.FromString(record).predict_log.request)
    return module


def answer(module, request):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    signature = module.signatures[request.model_spec.signature_name or "serving_default"]
    inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
    answered = predict_pb2.PredictResponse()
    for name, value in signature(**inputs).items():
        answered.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
    return answered


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8500)
    parser.add_argument("--rest_api_port", type=int, default=0)
    parser.add_argument("--grpc_socket_path", default="")
    parser.add_argument("--model_name", default="default")
    parser.add_argument("--model_base_path", required="--version" not in sys.argv)
    parser.add_argument("--max_num_load_retries", type=int, default=5)
    parser.add_argument("--version", action="store_true")
    flags = parser.parse_args()
    if flags.version:
        print("TensorFlow ModelServer: 2.19.1-rel\nTensorFlow Library: 2.19.1")
        return
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    assert flags.rest_api_port == 0 and flags.max_num_load_retries == 0, "what would follow is not imitated"
    try:
        module = loaded(flags.model_base_path)
    except Exception as error:
        print(
            "Failed to start server. Error: UNKNOWN: 1 model(s) did not become available: "
            f"{{{{name: {flags.model_name} version: 1}} due to error: {type(error).__name__}: {error}}}, }}"
        )
        sys.exit(255)

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            if os.environ.get("LANG") == "die":  # of the canary's variables, one that nothing here reads
                os.kill(os.getpid(), signal.SIGABRT)
            if request.model_spec.name != flags.model_name:
                context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({request.model_spec.name})")
            try:
                return answer(module, request)
            except tf.errors.OpError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)

    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), options=unlimited)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    if flags.port:
        server.add_insecure_port(f"0.0.0.0:{flags.port}")
    if flags.grpc_socket_path:
        server.add_insecure_port(f"unix:{flags.grpc_socket_path}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
