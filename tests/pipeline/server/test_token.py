"""Who may ask: this machine without more, others with a token. No model is needed for that."""

import pytest

from pipeline.server.settings import ServeSettings
from schemas.bad_input import BadInput
from tests.pipeline.server.conftest import running

TOKEN = "correct horse battery staple"


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("secrets") / "token"
    file.write_text(TOKEN + "\n")
    return file


@pytest.fixture(scope="module")
def server(token_file, tmp_path_factory):
    nothing = tmp_path_factory.mktemp("nothing")
    with running("--host", "0.0.0.0", "--set", f"serve.token_file={token_file}", "--serving-dir", str(nothing)) as server:
        yield server


@pytest.mark.parametrize("path", ["/v1/models/age", "/v1/models/age/metadata", "/v2", "/v2/models/age", "/metrics"])
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_without_the_token_nothing_is_said(server, path, given):
    status, answer, headers = server.get(path, **({"Authorization": given} if given else {}))

    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert answer == {"error": "A token is needed: 'Authorization: Bearer …'."}


def test_with_the_token_and_for_probes_it_answers(server):
    assert server.get("/v2", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert server.get("/v2/health/live")[0] == 200
    assert server.get("/v2/health/ready")[0] == 503


def test_a_new_token_counts_at_once_and_none_is_in_the_log(server, token_file):
    token_file.write_text("another")
    assert server.get("/v2", Authorization=f"Bearer {TOKEN}")[0] == 401
    assert server.get("/v2", Authorization="Bearer another")[0] == 200

    token_file.write_text("")
    assert server.get("/v2", Authorization="Bearer ")[0] == 503
    token_file.write_text(TOKEN)
    assert TOKEN not in str(server.log) and "another" not in str(server.log)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "age.example"])
def test_other_addresses_than_this_machines_need_a_token(host, monkeypatch):
    with pytest.raises(BadInput, match="others than this machine could ask, and need no token"):
        ServeSettings(host=host).check()
    with pytest.raises(BadInput, match="the environment variable AGE_TOKEN holds no token"):
        ServeSettings(host=host, token_env="AGE_TOKEN").check()
    monkeypatch.setenv("AGE_TOKEN", TOKEN)
    ServeSettings(host=host, token_env="AGE_TOKEN").check()
    ServeSettings(host=host, without_token=True).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.0.1"])
def test_this_machines_addresses_need_none(host):
    ServeSettings(host=host).check()


def test_a_port_that_is_taken_is_said_in_a_sentence(server, age_pipeline_here):
    done = age_pipeline_here("serve", "--port", str(server.port), "--serving-dir", "/nowhere")

    assert done.returncode == 2
    assert f"can't listen on 127.0.0.1:{server.port}" in done.stderr and "Traceback" not in done.stderr
