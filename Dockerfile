# syntax=docker/dockerfile:1
# The image of every step on Kubeflow: Debian 13, Python 3.13, the current stack's locked packages, this project.
#
#   docker build -t age-pipeline:TAG .                              CPU
#   docker build -t age-pipeline:TAG --build-arg VARIANT=gpu .      the same, with CUDA 12 and cuDNN 9 for TensorFlow
#   docker build -t age-server:TAG --target serving .               the server alone: no TFX, Beam, kfp or CUDA
#
# Models tell the commit that they were trained with; history is not in the build's context, so say it:
#
#   --build-arg COMMIT=$(git describe --always --abbrev=40 --exclude='*' --dirty)
#
# docs/kubeflow.md runs the same commands without a container engine.

ARG VARIANT=cpu
ARG COMMIT=
# Debian 13.6 of 24 August 2026, for every architecture; what apt-get installs below is newer where Debian's security team has it.
ARG DEBIAN=debian:13-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132

FROM ${DEBIAN} AS debian
ENV LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*

FROM debian AS installer
# The installer's hash is in locks/uv.txt. Nothing is compiled: every package of the current stack with C++ in it has a wheel.
COPY locks/package_index.py locks/fetch_uv.py locks/uv.txt /build/locks/
RUN python3 /build/locks/fetch_uv.py /build/uv
ENV PATH=/build/uv/bin:$PATH UV_LINK_MODE=copy UV_NO_CACHE=1

FROM installer AS lock-cpu
COPY locks/current-image.txt /build/locks/lock.txt

FROM installer AS lock-gpu
COPY locks/current-image-cuda.txt /build/locks/lock.txt

FROM lock-${VARIANT} AS project
RUN uv venv --no-project --python /usr/bin/python3 /opt/age \
    && uv pip sync --require-hashes --build-constraints /build/locks/lock.txt --python /opt/age/bin/python /build/locks/lock.txt
COPY locks/uv.toml /build/
COPY setup.py LICENSE /build/project/
COPY age /build/project/age
COPY components /build/project/components
COPY pipeline /build/project/pipeline
COPY schemas /build/project/schemas
ARG COMMIT
RUN AGE_PIPELINE_COMMIT="${COMMIT}" uv pip install --no-deps --no-build-isolation --python /opt/age/bin/python /build/project \
    && uv pip check --config-file /build/uv.toml --python /opt/age/bin/python \
    && rm -f /opt/age/.lock
# The bill of materials (CycloneDX): every Python package with its version and licence. Debian's are in /var/lib/dpkg/status.
RUN /opt/age/bin/python -m age.bill_of_materials > /opt/age/sbom.cdx.json

FROM installer AS server
COPY locks/serving.txt /build/locks/
RUN uv venv --no-project --python /usr/bin/python3 /opt/age \
    && uv pip sync --require-hashes --build-constraints /build/locks/serving.txt --python /opt/age/bin/python /build/locks/serving.txt \
    && uv pip check --python /opt/age/bin/python
COPY setup.py LICENSE /build/project/
COPY age /build/project/age
# Of it only what defers TFX is loaded, which pipeline/ asks for.
COPY components /build/project/components
COPY pipeline /build/project/pipeline
COPY schemas /build/project/schemas
ARG COMMIT
# Checked before: what the other commands need is left out on purpose.
RUN AGE_PIPELINE_COMMIT="${COMMIT}" uv pip install --no-deps --no-build-isolation --python /opt/age/bin/python /build/project && rm -f /opt/age/.lock
RUN /opt/age/bin/python -m age.bill_of_materials > /opt/age/sbom.cdx.json

FROM debian AS serving
ARG COMMIT
LABEL org.opencontainers.image.revision="${COMMIT}"
RUN useradd --uid 1000 --create-home age
COPY --from=server /opt/age /opt/age
# The root file system can be read-only, with a volume at /tmp beside the one with the models: TensorFlow wants one to begin with.
ENV PATH=/opt/age/bin:$PATH TF_CPP_MIN_LOG_LEVEL=2
USER 1000
WORKDIR /home/age
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/v2/health/ready', timeout=4)"]
# Another address than 127.0.0.1 needs a token: serve.token_file, serve.token_env, or serve.without_token behind a proxy.
ENTRYPOINT ["age-pipeline", "serve"]
CMD ["--host", "0.0.0.0", "--serving-dir", "/models/age"]

FROM debian AS image
ARG COMMIT
LABEL org.opencontainers.image.revision="${COMMIT}"
# Kubeflow's launcher copies artifacts below these; older ones mount nothing there and run as the image's user.
RUN useradd --uid 1000 --create-home age && mkdir -p /minio /s3 /gcs && chown age /minio /s3 /gcs
COPY --from=project /opt/age /opt/age
COPY configs /opt/age/configs
# Nothing is written outside of /tmp and /home/age: with those as volumes, the root file system can be read-only.
ENV PATH=/opt/age/bin:$PATH TF_CPP_MIN_LOG_LEVEL=2 MPLCONFIGDIR=/tmp/matplotlib
USER 1000
WORKDIR /home/age
# Kubeflow gives each step a command of its own; by hand, the image is `age-pipeline`.
ENTRYPOINT ["age-pipeline"]
CMD ["--help"]
