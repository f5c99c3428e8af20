"""Submits, watches, searches, views and reviews in a real Chromium; then asks the database."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from servers import page as served
from servers.processes import eventually, hkplates, variables, worker

from hkplates.recognition.marks import canonical

SCENES = 12
SECONDS = 120
Query = Callable[..., list[tuple[Any, ...]]]

# What was read in place of what is printed; the search knows that these are taken for each other.
LIKE = {"8": "B", "B": "8", "5": "S", "S": "5", "0": "D", "1": "J", "6": "8", "3": "5", "9": "5"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes a folder of drawn street scenes, and a file that is not a photograph."""
    folder = tmp_path_factory.mktemp("photos") / "閘口 north"
    command = ["-m", "models.synthesis.samples", str(folder), "--count", str(SCENES), "--seed", "5"]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=SECONDS)
    (folder / "no image.jpg").write_text("not a photograph")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with served.chromium() as one:
        yield one


@pytest.fixture
def environment(database_url: str, broker_url: str, tmp_path: Path) -> dict[str, str]:
    return variables(database_url, broker_url, HKPLATES_DATA=str(tmp_path / "data"))


@pytest.fixture
def address(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    with served.page(environment, tmp_path / "page.log") as one:
        yield one


@pytest.fixture
def context(browser: Browser, address: str) -> Iterator[BrowserContext]:
    one = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900})
    one.set_default_timeout(20_000)
    yield one
    one.close()


@pytest.fixture
def tab(context: BrowserContext) -> Iterator[Page]:
    """A tab; whatever its console complains of (a script that fails, what the page's own policy
    forbids, a file that is not there) fails the test."""
    complaints: list[str] = []
    one = context.new_page()
    one.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    one.on("pageerror", lambda error: complaints.append(str(error)))
    yield one
    assert complaints == []


@pytest.fixture
def query(database_url: str) -> Query:
    """Runs SQL as a person would."""

    def run(text: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(database_url) as connection:
            cursor = connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []

    return run


def read(environment: dict[str, str], photos: Path, log: Path) -> None:
    """Submits the folder and has it read to the end."""
    with worker(environment, log):
        submit = hkplates(environment, "submit", str(photos), "--name", "north gate")
        submit.communicate(timeout=240)


def misread(query: Query) -> tuple[int, str, str]:
    """Makes one reading a wrong one, as readers do; returns plate id, printed text and wrong mark.

    The printed text may hold an O or I, which the registration form (`canonical`) has not.
    """
    rows = query("SELECT plate_id, mark, text FROM sightings WHERE region = 'HK' AND rows = 1")
    for number, mark, text in rows:
        place = next((at for at in range(len(mark) - 1, -1, -1) if mark[at] in LIKE), None)
        if len(mark) >= 5 and place is not None:
            wrong = mark[:place] + LIKE[mark[place]] + mark[place + 1 :]
            sure = [0.4 if at == place else 0.99 for at in range(len(mark))]
            query(
                "UPDATE plates SET mark = %s, text = %s, confidence = 0.005, "
                "character_confidences = %s, candidates = jsonb_build_array(jsonb_build_object("
                "'text', %s::text, 'confidence', 0.4)) WHERE id = %s",
                *(wrong, wrong, sure, text, number),
            )
            return number, text, wrong
    raise AssertionError(f"nothing to misread in {rows}")


def test_a_submission_is_watched_while_it_runs(
    environment: dict[str, str], photos: Path, tab: Page, tmp_path: Path
) -> None:
    tab.goto("/")
    expect(tab.get_by_text("Nothing was submitted yet")).to_be_visible()
    loaded = tab.evaluate("performance.timeOrigin")
    with worker(environment, tmp_path / "worker.log", concurrency=1):
        submit = hkplates(environment, "submit", str(photos), "--name", "north gate")
        card = tab.locator("article", has_text="north gate")
        expect(card).to_contain_text("閘口 north", timeout=60_000)
        expect(card.get_by_text("Finished")).to_be_visible(timeout=120_000)
        expect(card).to_contain_text(f"{SCENES} of {SCENES + 1} read")
        submit.communicate(timeout=SECONDS)
    assert tab.evaluate("performance.timeOrigin") == loaded  # all by itself
    card.get_by_role("link", name="north gate").click()
    expect(tab.get_by_role("heading", level=1)).to_have_text("Submission 1: north gate")
    tab.get_by_role("link", name="List them all").click()
    expect(tab.get_by_text("no image.jpg")).to_be_visible()
    tab.get_by_role("button", name="Try them all again").click()
    expect(tab.get_by_text("1 photograph waits to be read again")).to_be_visible()
    tab.get_by_role("button", name="Pause").click()
    expect(tab.get_by_text("It is paused", exact=False).first).to_be_visible()


def test_a_page_that_cannot_be_loaded_anew_says_since_when(context: BrowserContext) -> None:
    tab = context.new_page()
    tab.clock.install(time="2026-07-15T00:30:00Z")
    tab.goto("/")
    stale = tab.locator("#stale")
    tab.clock.run_for(8_000)
    expect(stale).to_be_hidden()
    tab.route("**/", lambda route: route.fulfill(status=503))
    tab.clock.run_for(8_000)
    expect(stale).to_have_text("Not up to date since 08:30")
    expect(stale).to_have_attribute("aria-live", "polite")
    tab.unroute("**/")
    tab.clock.run_for(30_000)
    expect(stale).to_be_hidden()


def test_a_misread_mark_is_found_looked_at_and_corrected_by_keyboard(
    environment: dict[str, str], photos: Path, tab: Page, query: Query, tmp_path: Path
) -> None:
    read(environment, photos, tmp_path / "worker.log")
    plate, printed, wrong = misread(query)
    mark = canonical(printed)

    search(tab, printed, wrong)
    look_closely(tab, query, plate, wrong)
    tab.goto("/review")  # it is the least sure of all
    expect(tab.locator(".reading")).to_contain_text(wrong)
    before = left(tab)
    correct(tab, printed, before - 1)
    assert query("SELECT mark, review, read_mark FROM sightings WHERE plate_id = %s", plate) == [
        (mark, "corrected", wrong)
    ]
    change_ones_mind(tab, printed, wrong, before - 1)
    accept_and_skip(tab, before - 2)

    rows = query("SELECT plate_id, verdict, mark, reviewer, current FROM reviews ORDER BY id")
    assert rows[:3] == [
        (plate, "corrected", mark, "local", False),
        (plate, "not_a_plate", None, "local", False),
        (plate, "corrected", mark, "local", True),
    ]
    assert [(row[1], row[4]) for row in rows[3:]] == [("accepted", True)]
    assert query("SELECT mark FROM plates WHERE id = %s", plate) == [(wrong,)]
    assert query("SELECT why, score FROM search_marks(%s) LIMIT 1", mark)[0][1] == 1
    rows = query("SELECT action, count(*) FROM audit GROUP BY 1 ORDER BY 1")
    # The sighting once, and a reading for each page of the review.
    assert [row for row in rows if row[0] != "photograph"] == [
        ("review", 4),
        ("search", 1),
        ("sighting", 9),
    ]
    assert "photograph" in dict(rows)


def search(tab: Page, printed: str, wrong: str) -> None:
    """Searches for the printed text, checks that the wrong reading is found and why, opens it."""
    tab.goto("/search")
    expect(tab.get_by_label("Mark, or a part of it")).to_be_focused()
    tab.keyboard.type(printed.replace(" ", ""))
    tab.keyboard.press("Enter")
    card = tab.locator("article", has_text=wrong)
    expect(card).to_contain_text(f"Second reading of {wrong}")
    assert is_loaded(card.locator("img"))
    card.get_by_role("link").click()


def look_closely(tab: Page, query: Query, plate: int, wrong: str) -> None:
    """Checks that the photograph has the plate outlined, and enlarges it."""
    expect(tab.get_by_role("heading", level=1)).to_contain_text(wrong)
    picture = tab.locator("#photo img")
    assert is_loaded(picture)
    assert tab.locator("#photo polygon.this").count() == 1
    small = wide(picture)
    tab.get_by_role("button", name="To the plate").click()
    eventually(lambda: wide(picture) > 1.5 * small, "it is larger", 20)
    expect(picture).to_have_attribute("src", f"/photos/{image_of(query, plate)}?size=large")


def press(tab: Page, key: str) -> None:
    """Presses a key once the page's scripts listen: what is seen comes before they run."""
    tab.wait_for_load_state("load")
    tab.keyboard.press(key)


def correct(tab: Page, printed: str, then_left: int) -> None:
    press(tab, "c")
    tab.keyboard.type(printed.lower())
    press(tab, "Enter")
    expect(tab.locator("[role=status] b")).to_have_text(str(then_left))


def change_ones_mind(tab: Page, printed: str, wrong: str, then_left: int) -> None:
    """Goes back to the last reading, changes its verdict, and again, by its candidate's key."""
    press(tab, "u")
    expect(tab.locator(".reading")).to_contain_text(f"corrected as {printed}")
    press(tab, "n")
    expect(tab.locator(".reading")).not_to_contain_text(wrong)
    assert left(tab) == then_left
    press(tab, "u")
    expect(tab.locator(".reading")).to_contain_text("found to be no plate")
    press(tab, "1")
    expect(tab.locator(".reading")).not_to_contain_text(wrong)


def accept_and_skip(tab: Page, then_left: int) -> None:
    """Accepts the next reading and skips the one after it."""
    press(tab, "Enter")
    expect(tab.locator("[role=status] b")).to_have_text(str(then_left))
    press(tab, "s")
    tab.wait_for_url("**/review?*after=*")
    assert left(tab) == then_left


def left(tab: Page) -> int:
    """Returns how many readings are left to review."""
    return int(tab.locator("[role=status] b").inner_text())


def wide(picture: Locator) -> float:
    box = picture.bounding_box()
    assert box is not None
    return box["width"]


def test_every_page_fits_a_phone_has_its_labels_and_can_be_read(
    environment: dict[str, str],
    photos: Path,
    browser: Browser,
    address: str,
    query: Query,
    tmp_path: Path,
) -> None:
    read(environment, photos, tmp_path / "worker.log")
    plate, printed, _ = misread(query)
    query("UPDATE images SET key = 'x/' || repeat('長い名前', 60) || key WHERE state = 'failed'")
    addresses = [
        *("/", "/submissions/1", "/submissions/1/failures", "/submissions/1/cancel"),
        *(
            "/search",
            f"/search?mark={printed[:2]}*",
            "/search?mark=*&purpose=x&prefix=x",
            f"/sightings/{plate}",
        ),
        *(f"/marks/{printed}", "/review", "/review?below=0.00001", "/audit", "/sightings/999999"),
    ]
    for colours in ("light", "dark"):
        phone = browser.new_context(
            base_url=address, viewport={"width": 360, "height": 740}, color_scheme=colours
        )
        tab = phone.new_page()
        for one in addresses:
            tab.goto(one)
            assert tab.evaluate(TOO_WIDE) == [], one
            assert one != "/audit" or tab.evaluate(CUT) == []
            assert tab.evaluate(UNLABELLED) == [], one
            assert tab.evaluate(PALE) == [], (one, colours)
        phone.close()


def test_without_javascript_everything_can_be_read_and_reviewed(
    environment: dict[str, str],
    photos: Path,
    browser: Browser,
    address: str,
    query: Query,
    tmp_path: Path,
) -> None:
    read(environment, photos, tmp_path / "worker.log")
    plate, printed, wrong = misread(query)
    plain = browser.new_context(base_url=address, java_script_enabled=False)
    tab = plain.new_page()
    tab.goto("/review")
    expect(tab.locator(".reading")).to_contain_text(wrong)
    tab.get_by_label("What is printed on it").fill(printed)
    tab.get_by_role("button", name="Save correction").click()
    expect(tab.locator(".reading")).not_to_contain_text(wrong)
    tab.goto(f"/sightings/{plate}")
    expect(tab.get_by_role("heading", level=1)).to_contain_text(printed)
    expect(tab.get_by_role("link", name="Open the photograph large")).to_be_visible()
    expect(tab.get_by_role("button", name="To the plate")).to_be_hidden()
    plain.close()
    assert query("SELECT review FROM sightings WHERE plate_id = %s", plate) == [("corrected",)]


def test_over_a_photograph_that_is_not_there_nothing_is_drawn(
    environment: dict[str, str],
    photos: Path,
    browser: Browser,
    address: str,
    query: Query,
    tmp_path: Path,
) -> None:
    read(environment, photos, tmp_path / "worker.log")
    plate, *_ = misread(query)
    query("UPDATE images SET key = key || '.gone' WHERE id = %s", image_of(query, plate))
    context = browser.new_context(base_url=address)
    tab = context.new_page()
    for one in (f"/sightings/{plate}", "/review"):
        tab.goto(one)
        expect(tab.locator("#photo img")).to_be_visible()
        expect(tab.locator("#photo svg")).to_be_hidden()
        expect(tab.get_by_role("button", name="To the plate")).to_be_hidden()
    context.close()


def is_loaded(picture: Locator) -> bool:
    """Checks that a picture is loaded, and no placeholder of one."""
    picture.scroll_into_view_if_needed()
    picture.evaluate("one => one.decode()")
    size: list[int] = picture.evaluate("one => [one.naturalWidth, one.naturalHeight]")
    return size[0] > 50 and size != [640, 360]


def image_of(query: Query, plate: int) -> int:
    [(number,)] = query("SELECT image_id FROM plates WHERE id = %s", plate)
    return int(number)


TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  return document.documentElement.scrollWidth > wide
    ? [...document.querySelectorAll("body *")]
        .filter((one) => one.getBoundingClientRect().right > wide + 1).map((one) => one.outerHTML)
    : [];
}"""

# Cards whose content is cut at their edge, unless one scrolls.
CUT = """() => [...document.querySelectorAll(".card")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML)"""

UNLABELLED = """() => {
  const named = (one) => one.getAttribute("aria-label") || one.labels?.length
    || one.textContent.trim();
  const parts = [...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
    .filter((one) => !named(one));
  const pictures = [...document.querySelectorAll("img:not([alt])")];
  const headings = document.querySelectorAll("h1").length === 1 ? [] : [document.body];
  return [...parts, ...pictures, ...headings].map((one) => one.outerHTML.slice(0, 200));
}"""

# Text whose contrast with the ground under it is less than 4.5 to 1 (WCAG 2, 1.4.3).
PALE = """() => {
  const parsed = (colour) => colour.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      const s = v / 255;
      return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (one) => {
    for (let at = one; at !== null; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll("body *")].filter((one) =>
    one.checkVisibility() && !one.closest("svg, noscript")
    && [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return texts.filter((one) => {
    const [a, b] = [light(parsed(getComputedStyle(one).color)), light(ground(one))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map((one) => one.outerHTML.slice(0, 160));
}"""
