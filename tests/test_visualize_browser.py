"""The page in a real browser. Skipped where there is no selenium, chromium or chromedriver."""

import base64
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, SpanGroup
from test_visualize import EVIL, make_doc

import spacy_segment
from spacy_segment.types import BOUNDARY_PROBS

webdriver = pytest.importorskip("selenium.webdriver")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium or chromedriver is not installed", allow_module_level=True)

FLAGS = (
    "headless=new",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1280,900",
)
PROBS = [1, 0.9, 0.2, 0.8, 0.7, 0.3]
TOPIC_PROBS = [1, 0.1, 0, 0.6, 0.15, 0]
SENTENCES = ["The kettle is on.", "Nobody came.", "The tea is cold.", "Rain fell.", "The path was gone.", "We swam."]


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    yield driver
    driver.quit()


class Browser:
    """A page that is open, and what a test asks of it."""

    def __init__(self, driver, path):
        self.driver = driver
        self.path = path

    def open(self, *docs, page=None, **options):
        page = page or spacy_segment.render(docs, jupyter=False, **options)
        self.path.write_text(page, encoding="utf-8", newline="")
        self.driver.get(self.path.as_uri())
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def frame(self):
        """Wait for two frames: what was due has been drawn."""
        self.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")

    def all(self, selector, value="e.textContent"):
        return self.run(f"return [...document.querySelectorAll(arguments[0])].map(e => {value})", selector)

    def slide(self, name, percent):
        self.run(
            "const s = document.getElementById(arguments[0]); s.value = arguments[1]; s.dispatchEvent(new Event('input'))",
            f"{name}-slider",
            percent,
        )
        self.frame()

    def key(self, *keys):
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
        self.frame()

    def accessibility(self):
        """(role, name) of all that a screen reader meets, once the tree, which is made beside the page, is whole."""

        def read(driver):
            nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
            found = {(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n.get("ignored")}
            return found if {"main", "status"} <= {role for role, _ in found} else None

        return WebDriverWait(self.driver, 10).until(read)

    def focus(self):
        return self.run("return document.activeElement.id || document.activeElement.tagName")

    def sentences(self):
        """The text, cut where a sentence starts."""
        script = "return [...document.querySelectorAll('.run')].map(e => [e.textContent, e.classList.contains('on')])"
        parts = []
        for text, is_start in self.run(script):
            if is_start or not parts:
                parts.append("")
            parts[-1] += text
        return [part.strip() for part in parts]

    def topics(self):
        return self.all("details", "[...e.querySelectorAll('p')].map(p => p.textContent).join('').trim()")


@pytest.fixture
def browser(driver, tmp_path):
    driver.get_log("browser")
    yield Browser(driver, tmp_path / "page.html")
    assert driver.get_log("browser") == []


@pytest.fixture
def doc():
    labels = [("KITCHEN", 0), ("TOPIC", 3)]
    doc = make_doc(SENTENCES, topics=labels, probs=PROBS, topic_probs=TOPIC_PROBS)
    doc.from_array(
        "SENT_START", np.where(doc.user_data["spacy_segment", "boundary_probs"] > 0.25, 1, -1).astype("i8").astype("u8")
    )
    return doc


def test_page_opens_as_the_doc_is(browser, doc):
    browser.open(doc, title="Tea and rain")
    assert browser.all("h1") == ["Tea and rain"]
    assert browser.all("#facts") == [f"2 topics · 5 sentences · {len(doc.text)} characters"]
    assert browser.sentences() == [sent.text.strip() for sent in doc.sents]
    assert browser.topics() == [span.text.strip() for span in doc.spans["topics"]]
    assert browser.all("summary h2") == ["KITCHEN", "Topic 2"]
    assert browser.all("nav a b") == ["KITCHEN", "Topic 2"]
    assert browser.all(".text") == [browser.run("return document.querySelector('.text').textContent")]
    assert browser.all("#map g rect", "e.tagName") == ["rect", "rect"]


def test_sliders_decide_again_and_reset_goes_back(browser, doc):
    browser.open(doc)
    assert browser.all("input", "e.value") == ["50", "30"]
    browser.slide("sent", 75)
    assert browser.sentences() == [" ".join(SENTENCES[:1]), " ".join(SENTENCES[1:3]), " ".join(SENTENCES[3:])]
    browser.slide("sent", 15)
    assert browser.sentences() == SENTENCES
    browser.slide("topic", 12)
    assert browser.topics() == [" ".join(SENTENCES[:3]), SENTENCES[3], " ".join(SENTENCES[4:])]
    assert browser.all("summary h2") == ["KITCHEN", "Topic 2", "Topic 3"]
    browser.slide("topic", 70)
    assert browser.topics() == [" ".join(SENTENCES)]
    assert browser.all("nav a", "1") == [1]
    browser.run("document.getElementById('reset').click()")
    assert browser.sentences() == [sent.text.strip() for sent in doc.sents]
    assert browser.topics() == [span.text.strip() for span in doc.spans["topics"]]
    assert browser.run("return document.getElementById('reset').disabled")


def test_text_is_the_same_after_every_move(browser):
    text = ["First\r\nline.", "  Indented\ttext.", "\u3000字。", "End."] * 20
    n = len(text)
    rng = np.random.default_rng(1)
    doc = make_doc(text, topics=[("A", 0), ("B", 9)], probs=rng.random(n), topic_probs=rng.random(n))
    browser.open(doc)
    for threshold in (5, 50, 20, 95, 40):
        browser.slide("topic", threshold)
        joined = browser.run("return [...document.querySelectorAll('.run')].map(e => e.textContent).join('')")
        assert joined == doc.text


def test_topics_collapse_by_mouse_and_keyboard(browser, doc):
    browser.open(doc)
    browser.run("document.querySelector('summary').click()")
    assert browser.all("details", "e.open") == [False, True]
    browser.run("document.querySelectorAll('summary')[1].focus()")
    browser.key(" ")
    assert browser.all("details", "e.open") == [False, False]
    browser.run("document.getElementById('fold').click()")
    assert browser.all("details", "e.open") == [True, True]
    browser.run("document.getElementById('fold').click()")
    assert browser.all("details", "e.open") == [False, False]
    browser.run("document.querySelectorAll('nav a')[1].click()")
    assert browser.all("details", "e.open") == [False, True]
    assert browser.focus() == "SUMMARY"


def test_keyboard_reaches_everything_in_order(browser, doc):
    tab, right, left = "\ue004", "\ue014", "\ue012"
    browser.open(doc)
    order = []
    for _ in range(11):
        browser.key(tab)
        order.append(browser.focus())
    sliders = ["topic-slider", "sent-slider"]
    assert order == ["A", *sliders, "fold", "theme", "A", "A", "text", "SUMMARY", "SUMMARY", order[-1]]
    browser.run("document.getElementById('sent-slider').focus()")
    browser.key(*[right] * 10)
    assert browser.run("return document.getElementById('sent-slider').getAttribute('aria-valuetext')") == (
        "0.40, 4 sentences, above 0.40"
    )
    browser.run("document.getElementById('text').focus()")
    browser.key(right, right)
    assert "".join(browser.all(".hot")).strip() == " ".join(SENTENCES[1:3])
    (status,) = browser.all("#status")
    assert status.startswith("Sentence 2 · boundary 0.90")
    assert SENTENCES[1] in status
    browser.key(left)
    assert "".join(browser.all(".hot")).strip() == SENTENCES[0]


def test_screen_readers_find_landmarks_and_names(browser, doc):
    found = browser.open(doc).accessibility()
    roles = {role for role, _ in found}
    assert {"banner", "navigation", "main", "status", "heading"} <= roles
    assert {("navigation", "Topics"), ("main", "Text"), ("slider", "Topics"), ("slider", "Sentences")} <= found
    assert {("button", "Light or dark"), ("button", "Collapse all")} <= found
    assert all(name for role, name in found if role in ("button", "slider", "link", "heading"))


def test_hovering_shows_the_whole_sentence(browser, doc):
    browser.open(doc)
    run = browser.driver.find_elements("class name", "run")[2]
    webdriver.ActionChains(browser.driver).move_to_element(run).perform()
    assert "".join(browser.all(".hot")).strip() == " ".join(SENTENCES[1:3])
    assert browser.all("#status")[0].startswith("Sentence 2")


def test_light_and_dark(browser, doc):
    def paper():
        rgb = browser.run(
            "const c = document.createElement('canvas').getContext('2d');"
            "c.fillStyle = getComputedStyle(document.body).backgroundColor; c.fillRect(0, 0, 1, 1);"
            "return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3)"
        )
        return "light" if min(rgb) > 200 else "dark" if max(rgb) < 60 else rgb

    for scheme, other in (("light", "dark"), ("dark", "light")):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.open(doc)
        assert paper() == scheme
        browser.run("document.getElementById('theme').click()")
        assert paper() == other
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_right_to_left_and_unspaced_scripts(browser):
    hebrew = make_doc(["הגשם ירד.", "Rain, אמר.", "הלכנו."], lang="he", probs=[1, 0.9, 0.8])
    chinese = make_doc(["今天下雨了。", "我们留在家里。"], lang="xx", probs=[1, 0.6], separator="")
    browser.open(hebrew, chinese)
    assert browser.all("article", "e.lang") == ["he", ""]
    assert browser.all(".text p", "getComputedStyle(e).direction") == ["rtl", "ltr"]
    box, mark = browser.run(
        "const p = document.querySelector('.text p'), r = p.firstElementChild;"
        "return [p.getBoundingClientRect().right, r.getBoundingClientRect().right]"
    )
    assert box - mark < 60  # the first sentence starts at the right
    # A run of Hebrew has its gauge in a box of its own, which no line break can part from its beginning.
    assert browser.all(".run", "getComputedStyle(e).borderInlineStartWidth") == ["0px"] * 3 + ["2px"] * 2
    assert browser.all(".run", "getComputedStyle(e, '::before').borderInlineStartWidth")[:3] == ["2px"] * 3
    assert browser.sentences()[3:] == ["今天下雨了。", "我们留在家里。"]


def test_markup_in_a_text_stays_text(browser):
    doc = make_doc([EVIL, "Two."], topics=[(EVIL, 0)], probs=[1, 0.5], topic_probs=[1, 0.5])
    doc.user_data["title"] = EVIL
    browser.open(doc)
    assert browser.all("h1") == [EVIL]
    assert browser.all("summary h2") == [EVIL]
    assert browser.all("nav a b") == [EVIL]
    assert EVIL in browser.all(".text p")[0]
    assert len(browser.all("script")) == 2


@pytest.mark.parametrize("docs", [[], [""], [" \n"], ["One."], ["", "Two."]], ids=str)
def test_pages_without_segments(browser, docs):
    browser.open(*map(spacy.blank("en"), docs))
    assert browser.all("details") == []
    assert browser.all("#topic-control, #sent-control, #contents, #map", "e.hasAttribute('hidden')") == [True] * 4
    browser.run("document.getElementById('text').focus()")
    browser.key("\ue014")
    assert [text.strip() for text in browser.all(".text")] == [text.strip() for text in docs]


def test_page_in_a_frame_of_a_notebook(browser, doc):
    from spacy_segment.visualize import frame, make_page

    browser.open(page=f"<!DOCTYPE html><title>Notebook</title>{frame(make_page(doc), 'Segments', 500)}")
    browser.driver.switch_to.frame(0)
    try:
        browser.run("document.querySelectorAll('nav a')[1].click()")
        assert browser.focus() == "SUMMARY"
        browser.slide("topic", 70)
        assert browser.topics() == [" ".join(SENTENCES)]
    finally:
        browser.driver.switch_to.default_content()


def test_map_goes_where_it_is_pressed(browser):
    doc = make_doc([f"Sentence number {i} of a long text." for i in range(600)], topics=[("A", 0), ("B", 300)])
    browser.open(doc)
    position = "return Number(document.querySelector('#map .view').getAttribute('y'))"
    assert browser.run(position) == 0
    shape = browser.driver.find_element("id", "map")
    webdriver.ActionChains(browser.driver).move_to_element(shape).click().perform()
    browser.frame()
    browser.frame()
    assert 400 < browser.run(position) < 600
    assert browser.all("nav a", "e.getAttribute('aria-current')").count("true") == 1


def test_a_megabyte_stays_quick(browser):
    """CPU time of the page's main thread, so that a busy machine does not matter much."""
    n = 9_000
    rng = np.random.default_rng(0)
    sentences = [[*rng.choice(SENTENCES[0].split(), size=size).tolist(), "."] for size in rng.integers(15, 45, n)]
    for sentence in sentences[5::6]:
        sentence.append("\n\n")
    words = [word for sentence in sentences for word in sentence]
    first = np.cumsum([0, *map(len, sentences[:-1])])
    starts, sents, topics = (np.zeros(len(words), dtype=kind) for kind in (bool, np.float32, np.float32))
    starts[first], sents[first], topics[first] = True, rng.random(n), rng.random(n) ** 40
    spaces = [word != "\n\n" for word in words]
    doc = Doc(spacy.blank("en").vocab, words=words, spaces=spaces, sent_starts=starts.tolist())
    doc.user_data[BOUNDARY_PROBS] = sents
    doc.spans["topics"] = SpanGroup(doc, name="topics", spans=[doc[:]], attrs={"boundary_probs": topics})
    assert len(doc.text) > 1_000_000
    browser.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu(action):
        def busy():
            metrics = browser.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
            return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

        before = busy()
        action()
        browser.frame()
        return busy() - before

    times = {"load": cpu(lambda: browser.open(doc))}
    times["sentences"] = max(cpu(lambda t=t: browser.slide("sent", t)) for t in (26, 40, 90))
    runs = [[cpu(lambda t=t: browser.slide("topic", t)) for t in (40, 39, 41, 5, 6)] for _ in range(2)]
    times["topics"] = max(map(min, *runs))
    assert browser.run("return document.querySelectorAll('details').length") > 500
    times["scroll"] = max(cpu(lambda: browser.run("scrollBy({top: 400, behavior: 'instant'})")) for _ in range(5))
    assert browser.run("return document.querySelectorAll('*').length") < 5 * n
    assert times["load"] < 5, times
    assert times["topics"] < 0.8, times
    assert max(times["sentences"], times["scroll"]) < 0.3, times


def test_screenshots(browser, doc):
    """Written where SCREENSHOTS says, to be looked at."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        pytest.skip("SCREENSHOTS names no folder")
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.open(doc)
        data = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {})["data"]
        Path(folder, f"{scheme}.png").write_bytes(base64.b64decode(data))
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
