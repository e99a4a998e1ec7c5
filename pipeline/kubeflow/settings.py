"""The `kubeflow` section of the configuration: image, placement, volumes, secrets, and how to reach the installation."""

import re
from typing import Annotated, Literal

import pydantic

Name = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
"""A name as Kubernetes allows it (DNS subdomain, RFC 1123)."""

Variable = Annotated[str, pydantic.Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
"""Name of an environment variable."""

AbsolutePath = Annotated[str, pydantic.Field(pattern=r"^/[^\s].*$")]


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")


class Toleration(_Section):
    """A taint that pods of a step put up with, as in Kubernetes' pod specification.

    Attributes:
        key: of the taint; none, with `Exists`, for every taint.
        operator: how `value` is compared.
        value: of the taint.
        effect: of the taint; none for all.
        seconds: for how long, with `NoExecute`; none for ever.
    """

    key: str | None = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    seconds: int | None = pydantic.Field(None, ge=0)

    @pydantic.model_validator(mode="after")
    def _consistent(self):
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("the operator Exists takes no value")
        if self.operator == "Equal" and self.key is None:
            raise ValueError("the operator Equal needs a key")
        return self


class Step(_Section):
    """What the pods of a step are given and where they run. What a step does not say, `kubeflow.default` says.

    Attributes:
        image: the container image; none for `kubeflow.image`.
        cpu_request: cores that are kept free for it.
        cpu_limit: cores that it may use.
        memory_request: GB (10^9 bytes) that are kept free for it.
        memory_limit: GB that it may use.
        gpu_type: resource name of the accelerator.
        gpu_count: how many.
        node_selector: labels that the node must have.
        tolerations: taints of nodes that it puts up with.
        shared_memory: size of /dev/shm, GB, which counts as memory of the step; 0 leaves the container runtime's 64 MB.
        ephemeral_storage: GB of the node's disk for copies of artifacts and temporary files; 0 asks for none. Not together
            with an accelerator: Kubeflow's specification has one place for both.
        time_limit: seconds after which it is stopped; 0 for none.
        retries: how often it is tried again after a failure, for nodes that go away; what it refuses is not done again.
        retry_wait: seconds before the first new try; doubled with each further one.
    """

    image: str | None = pydantic.Field(None, min_length=1)
    cpu_request: float = pydantic.Field(1.0, gt=0)
    cpu_limit: float = pydantic.Field(2.0, gt=0)
    memory_request: float = pydantic.Field(4.0, gt=0)
    memory_limit: float = pydantic.Field(8.0, gt=0)
    gpu_type: str = pydantic.Field("nvidia.com/gpu", min_length=1)
    gpu_count: int = pydantic.Field(0, ge=0)
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    shared_memory: float = pydantic.Field(0.0, ge=0)
    ephemeral_storage: float = pydantic.Field(0.0, ge=0)
    time_limit: int = pydantic.Field(0, ge=0)
    retries: int = pydantic.Field(0, ge=0, le=20)
    retry_wait: int = pydantic.Field(60, ge=0)


class Volume(_Section):
    """A persistent volume in every step.

    Attributes:
        claim: name of the PersistentVolumeClaim.
        path: where it is mounted.
    """

    claim: Name
    path: AbsolutePath


class Secret(_Section):
    """Keys of a Kubernetes secret as environment variables of every step.

    Attributes:
        name: of the secret.
        env: environment variable -> key in the secret.
    """

    name: Name
    env: dict[Variable, str] = pydantic.Field(min_length=1)


class Connection(_Section):
    """How `submit` reaches the installation. Secrets are named, never written here.

    Attributes:
        namespace: the user's, on installations for several users.
        token_env: environment variable that holds a bearer token.
        token_file: file that holds one, instead.
        cookie_env: environment variable that holds the cookie of a session.
        header_env: HTTP header -> environment variable that holds its value.
        ca_file: certificates to trust.
    """

    namespace: Name | None = None
    token_env: Variable | None = None
    token_file: str | None = pydantic.Field(None, min_length=1)
    cookie_env: Variable | None = None
    header_env: dict[str, Variable] = {}
    ca_file: str | None = pydantic.Field(None, min_length=1)


class KubeflowSettings(_Section):
    """The `kubeflow` section.

    Attributes:
        image: the container image of every step.
        pipeline_name: its name on Kubeflow.
        pipeline_root: where artifacts go, such as `s3://bucket/age`; none for what the installation is set to.
        cache: whether steps may be taken from Kubeflow's cache.
        image_pull_policy: when nodes ask the registry; none for Kubernetes' own rule, which is `Always` for the tag `latest`
            and `IfNotPresent` for others.
        image_pull_secrets: names of secrets for the registry.
        volumes: persistent volumes in every step.
        secrets: secrets as environment variables in every step.
        default: what each step is given.
        steps: what single steps are given instead.
        experiment: where `submit` puts runs.
        connection: how `submit` reaches the installation.
    """

    image: str | None = pydantic.Field(None, min_length=1)
    pipeline_name: str = pydantic.Field("age", pattern=r"^[a-z0-9][a-z0-9-]{0,127}$")
    pipeline_root: str | None = pydantic.Field(None, pattern=r"^(minio|s3|gs)://[^\s/]+.*$")
    cache: bool = True
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    image_pull_secrets: list[Name] = []
    volumes: list[Volume] = []
    secrets: list[Secret] = []
    default: Step = Step()
    steps: dict[str, Step] = {}
    experiment: str = pydantic.Field("Default", min_length=1)
    connection: Connection = Connection()

    @pydantic.model_validator(mode="after")
    def _consistent(self):
        for name in ("default", *self.steps):
            step = self.default if name == "default" else self.step(name)
            where = name if name == "default" else f"steps.{name}"
            for kind in ("cpu", "memory"):
                request, limit = getattr(step, f"{kind}_request"), getattr(step, f"{kind}_limit")
                if request > limit:
                    raise ValueError(f"{where}: {kind}_request ({request:g}) is above {kind}_limit ({limit:g})")
            if step.gpu_count and step.ephemeral_storage:
                raise ValueError(
                    f"{where}: gpu_count ({step.gpu_count}) and ephemeral_storage ({step.ephemeral_storage:g}) can't both be "
                    "asked for, because Kubeflow's specification has one place for both. Set ephemeral_storage to 0 here and "
                    "give the namespace a LimitRange with a default request of ephemeral-storage"
                )
            if step.shared_memory >= step.memory_limit:
                raise ValueError(
                    f"{where}: shared_memory ({step.shared_memory:g}) leaves nothing of memory_limit ({step.memory_limit:g}), "
                    "of which it is a part"
                )
        return self

    def step(self, name: str) -> Step:
        """Returns what a step is given."""
        own = self.steps.get(name)
        return (
            self.default.model_copy(update={key: getattr(own, key) for key in own.model_fields_set}) if own else self.default
        )


def is_on_cluster(path: str) -> bool:
    """Whether a path can mean the same in every container: absolute, or with a scheme."""
    return path.startswith("/") or re.match(r"[a-z0-9]+://", path) is not None
