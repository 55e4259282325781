"""Tests of the page of tb-serve in a browser."""

import shutil
import threading
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlglot")
pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

import uvicorn
from playwright import sync_api

from tb_keras.scripts.server.app import create_app
from tb_keras.scripts.server.found_boxes import BoxFinder
from tb_keras.search import ImageTextIndex
from tests.scripts.server.colored_pictures import (
    ColorModel,
    LocalizerOfThing,
    picture,
    write_pictures,
    write_thing,
)

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HOSTILE = "<script>document.title='taken'<script>.png"
NAMES = {"a.png": "red", HOSTILE: "green", "c.png": "blue", "d.png": "pink"}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    names = {f"{number}.png": color for number, color in enumerate(NAMES.values())}
    paths = [*write_pictures(folder, names)[:-1], write_thing(folder)]
    years = {"year": [2019, 2020, 2021, 2024]}
    texts = ["red", "blue"]
    with ImageTextIndex.build(
        folder / "index", ColorModel(), paths, list(NAMES), years, texts
    ) as index:
        finder = BoxFinder(LocalizerOfThing())
        app = create_app(index, ColorModel(), ["127.0.0.1"], finder)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    page = browser.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    yield page
    page.close()
    assert [error for error in wrong if "status of 422" not in error] == []
    assert all(url.startswith((address, "data:")) for url in asked)


def names(page):
    return page.locator("#answers .name").all_text_contents()


def wait_for(page, status):
    page.locator("#status", has_text=status).wait_for()


def test_ask_look_and_follow_a_link(page, address):
    wait_for(page, "4 pictures")
    page.get_by_label("Find pictures").fill("red")
    page.keyboard.press("Enter")
    page.locator("#answers li").nth(3).wait_for()
    assert names(page)[:2] == ["a.png", "d.png"]
    assert page.locator("#answers .about").first.text_content().startswith("1.000, year 2019")
    first = page.locator("#answers img").first
    page.wait_for_function(
        "image => image.complete && image.naturalWidth", arg=first.element_handle()
    )
    assert first.evaluate("image => [image.naturalWidth, image.alt]") == [60, "a.png"]
    assert page.url == f"{address}/?q=red"
    page.get_by_role("link", name="similar").nth(1).click()
    page.locator("#answers .name >> nth=0", has_text="d.png").wait_for()
    assert page.url == f"{address}/?id=d.png"
    page.locator("#texts li >> nth=0", has_text="red (").wait_for()
    assert page.locator("#texts li").count() == 2
    page.go_back()
    page.locator("#answers .name >> nth=0", has_text="a.png").wait_for()
    assert not page.locator("#words").is_visible()


@pytest.mark.slow
def test_the_box_of_a_thing(page, address):
    page.goto(f"{address}/?q=pink")
    page.locator("#answers .box").first.wait_for()
    frame, picture_of_it = (
        page.locator("#answers li", has_text="d.png").locator(part).bounding_box()
        for part in (".box", "img")
    )
    side = picture_of_it["width"] / 120
    assert frame["x"] - picture_of_it["x"] == pytest.approx(20 * side, abs=4 * side)
    assert frame["y"] - picture_of_it["y"] == pytest.approx((20 + 10) * side, abs=4 * side)
    assert frame["width"] == pytest.approx(50 * side, abs=6 * side)
    page.get_by_label("show where").uncheck()
    page.get_by_role("button", name="Search").click()
    wait_for(page, "4 pictures")
    assert not page.locator("#answers .box").count()


@pytest.mark.slow
def test_a_name_that_is_a_script(page, address):
    page.goto(f"{address}/?q=green")
    page.locator("#answers .name", has_text=HOSTILE).wait_for()
    assert names(page)[0] == HOSTILE
    assert page.title() == "tb-serve"


@pytest.mark.slow
def test_filters_stand_in_the_link(page, address):
    page.get_by_text("Filter and cut-off").click()
    page.get_by_label("Filter", exact=True).fill("year > 2020")
    page.get_by_label("Find pictures").fill("red")
    page.get_by_role("button", name="Search").click()
    wait_for(page, "2 pictures")
    assert names(page) == ["d.png", "c.png"]
    page.goto(page.url)
    wait_for(page, "2 pictures")
    page.get_by_label("Filter", exact=True).fill("yeer > 2020")
    page.get_by_role("button", name="Search").click()
    wait_for(page, "year")


@pytest.mark.slow
def test_a_picture_is_dropped(page):
    content = list(picture("blue"))
    page.evaluate(
        """content => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(content)], "x.png", {type: "image/png"}));
            document.body.dispatchEvent(
                new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
        }""",
        content,
    )
    page.locator("#answers .name >> nth=0", has_text="c.png").wait_for()
    page.get_by_label("or by a picture").set_input_files(
        {"name": "y.png", "mimeType": "image/png", "buffer": picture("pink")}
    )
    page.locator("#answers .name >> nth=0", has_text="d.png").wait_for()
