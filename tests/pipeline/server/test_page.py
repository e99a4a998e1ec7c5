"""The page to try a model, in a browser, with real uploads."""

import os

import pytest

from age.serving.serving_directory import ServingDirectory
from tests.age.reporting.conftest import _chromium
from tests.brightness_model import grey
from tests.pipeline.server.conftest import running

TOKEN = "open sesame"


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium with a camera that shows a pattern, or a skip that says what to install."""
    program = _chromium()
    if program is None:
        pytest.skip("no Chromium: install the package chromium (Debian), chromium-browser (Ubuntu) or google-chrome")
    from playwright.sync_api import sync_playwright

    arguments = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=program, args=[*arguments, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def directory(models, tmp_path_factory) -> ServingDirectory:
    directory = ServingDirectory(str(tmp_path_factory.mktemp("serving") / "age"))
    directory.publish(models(0))
    return directory


@pytest.fixture(scope="module")
def server(browser, directory, tmp_path_factory):
    (tmp_path_factory.getbasetemp() / "page-token").write_text(TOKEN)
    token = f"serve.token_file={tmp_path_factory.getbasetemp() / 'page-token'}"
    with running("--serving-dir", directory.path, "--set", token) as server:
        server.logged("version serving")
        yield server


@pytest.fixture
def page(browser, server):
    """The page as it opens, with what the browser complains of and asks for."""
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.complaints, opened.asked = [], []
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.goto(server.address)
    yield opened
    opened.close()


@pytest.fixture
def opened_with_token(page):
    page.get_by_label("This server wants a token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_text("of the model answers").wait_for()
    return page


def test_photographs_are_answered_with_the_version_and_what_cannot_be_read_says_why(opened_with_token, directory, server):
    page = opened_with_token
    uploads = [("anna.png", grey(51)), ("ben.jpg", grey(204, kind="JPEG", side=90)), ("cut.png", grey(9)[:60])]

    page.get_by_label("Choose photographs").set_input_files(
        [{"name": name, "mimeType": "image/png", "buffer": photograph} for name, photograph in uploads]
    )

    page.locator("#answers li").nth(2).wait_for()
    said = page.locator("#answers li").all_inner_texts()
    assert "cut off" in said[0] and "80.0 years" in said[1] and "20.0 years" in said[2]
    assert "anna.png" in said[2] and f"version {directory.versions()[0].version}" in said[2]
    assert page.complaints == [] and all(url.startswith((server.address, "blob:", "data:")) for url in page.asked)
    assert "anna" not in str(server.log)


def test_the_camera_is_answered_and_turned_off(opened_with_token):
    page = opened_with_token

    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("button", name="Take a photograph").click()

    page.locator("#answers strong").first.wait_for()
    assert "years" in page.locator("#answers strong").first.inner_text()
    page.get_by_role("button", name="Turn the camera off").click()
    assert not page.locator("#video").is_visible() and page.complaints == []


def test_it_asks_for_a_token_and_stores_nothing(page):
    page.get_by_label("This server wants a token").wait_for()

    assert "A token is needed" in page.locator("#version").inner_text()
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


def test_a_phone_and_the_keyboard_are_enough(opened_with_token):
    page = opened_with_token
    reached = [page.evaluate("document.activeElement.id")]
    page.keyboard.press("Tab")
    reached.append(page.evaluate("document.activeElement.id"))

    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off on a phone"
    assert reached == ["files", "camera"]
