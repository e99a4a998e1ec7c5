"""How the server answers: the `serve` section of the configuration."""

import ipaddress
import os

import pydantic

from schemas.bad_input import BadInput


class ServeSettings(pydantic.BaseModel):
    """The `serve` section.

    Attributes:
        host: the address that it listens on; others than this machine's own need a token.
        port: the port, 0 for any that is free.
        token_env: environment variable that holds the token which requests must bear.
        token_file: file that holds it, instead; read anew for every request.
        without_token: answer everybody on any address, such as behind a proxy that asks who it is.
        max_body: bytes of a request's body; larger ones get 413.
        max_pixels: pixels of a photograph; larger ones are not decoded and get 422.
        max_photographs: photographs in a request; more get 413.
        max_requests: requests that are read or answered at once; more get 429.
        max_waiting: bytes of all those requests together; more get 429.
        batch_wait: seconds within which the next photograph must arrive for a batch to go on waiting, where others are about.
        request_seconds: seconds within which headers, and then the body, must have arrived; 408 for a slower body.
        drain_seconds: seconds for which it goes on answering after SIGTERM, while it says that it is not ready.
        look_seconds: seconds between two looks at the serving directory.
        faces: answer for the faces in a photograph, cut out as the model learnt to see faces, and not for the whole; needs
            `data.face_detector`.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    host: str = pydantic.Field("127.0.0.1", min_length=1)
    port: int = pydantic.Field(8501, ge=0, le=65535)
    token_env: str | None = pydantic.Field(None, min_length=1)
    token_file: str | None = pydantic.Field(None, min_length=1)
    without_token: bool = False
    max_body: int = pydantic.Field(32_000_000, ge=1000)
    max_pixels: int = pydantic.Field(50_000_000, ge=1)
    max_photographs: int = pydantic.Field(128, ge=1)
    max_requests: int = pydantic.Field(64, ge=1)
    max_waiting: int = pydantic.Field(128_000_000, ge=1000)
    batch_wait: float = pydantic.Field(0.002, ge=0, le=1)
    request_seconds: float = pydantic.Field(30.0, gt=0)
    drain_seconds: float = pydantic.Field(5.0, ge=0)
    look_seconds: float = pydantic.Field(1.0, gt=0)
    faces: bool = False

    @pydantic.model_validator(mode="after")
    def _one_token(self):
        if self.token_env and self.token_file:
            raise ValueError("a token comes from a variable or from a file, and both are named")
        if self.max_waiting < 2 * self.max_body:
            raise ValueError(f"max_waiting is {self.max_waiting}; one body, read and decoded, may take {2 * self.max_body}")
        return self

    def token(self) -> str | None:
        """Returns the token that requests must bear, or None where they need none.

        Raises:
            BadInput: the variable or the file that should hold it does not.
        """
        if self.token_env:
            found, where = os.environ.get(self.token_env, ""), f"serve.token_env: the environment variable {self.token_env}"
        elif self.token_file:
            where = f"serve.token_file: {self.token_file}"
            try:
                with open(self.token_file, encoding="utf-8") as file:
                    found = file.read(10_000)
            except (OSError, UnicodeDecodeError) as error:
                raise BadInput(f"{where} can't be read: {error}.") from error
        else:
            return None
        if not found.strip():
            raise BadInput(f"{where} holds no token. Expected a long random text, such as `openssl rand -hex 32` makes.")
        return found.strip()

    def check(self) -> None:
        """Makes sure that it may listen where it is told to.

        Raises:
            BadInput: others than this machine could ask, and need no token; or there is none.
        """
        if self.token() is None and not self.without_token and not _is_local(self.host):
            raise BadInput(
                f"serve.host is {self.host}: others than this machine could ask, and need no token. Name one with serve.token_env "
                "or serve.token_file, or set serve.without_token where something else asks who it is."
            )


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
