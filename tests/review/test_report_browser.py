"""The page in a real browser: Debian's chromium, driven by Playwright."""

import csv
import os
import shutil

import pytest

pytest.importorskip("playwright", reason="pip install 'skdeepcluster[test]'")

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt-get install chromium"
)
expect.set_options(timeout=20_000)
HOSTILE = "<img src=x onerror='document.title=1'></script><script>document.title=2//"


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.getuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, page_of):
    """Open the page of so many clusters; nothing may go wrong or leave it."""
    contexts, problems = [], []

    def visit(path=None, *, width=1200, scheme="light", init=None, **options):
        path = path or page_of(**options)
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        contexts.append(context)
        if init is not None:
            context.add_init_script(init)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requested.append(request.url))
        requested = page.requested = []
        page.goto(path.as_uri())
        page.locator("html[data-ready]").wait_for()
        return page

    yield visit
    for context in contexts:
        context.close()
    assert problems == []


def reload(page):
    """As a person does: Chromium hands what is stored to its other processes later."""
    page.wait_for_timeout(500)
    page.reload()
    page.locator("html[data-ready]").wait_for()


def card(page, number):
    return page.locator(f'.card[data-number="{number}"]')


def name_field(page, number):
    return page.get_by_label(f"Name of cluster {number}", exact=True)


def options(page):
    return page.locator("#completions").get_by_role("option")


def rows_of(download):
    with open(download.path(), newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def exported(page):
    """What is exported, but for an image of each cluster."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Export names.csv").click()
    assert download.value.suggested_filename == "names.csv"
    rows = rows_of(download.value)
    assert [row.pop() for row in rows[:1]] == ["example"]
    for row in rows[1:]:
        if example := row.pop():  # none of a cluster without images
            of_image = page.evaluate(f"clustering.clusterOfRow.get({example})")
            assert row[0] == str(of_image)
    return rows


def import_text(page, tmp_path, text):
    path = tmp_path / "mine.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    page.locator("#file").set_input_files(path)


def test_one_hand_names_104_clusters(visit):
    page = visit(n_clusters=104, n_each=2)
    order = page.evaluate("clustering.bySimilarity")
    assert page.locator("#progress").inner_text() == "0 of 104 named, 0.0 % of images"
    page.keyboard.press("u")
    for place in range(104):
        page.keyboard.type(f"k{place % 13}")
        page.keyboard.press("Enter")
        if place == 62:
            expect(page.locator("#progress")).to_have_text(
                "63 of 104 named, 60.5 % of images"
            )
    expect(page.locator("#progress")).to_have_text(
        "104 of 104 named, 100.0 % of images"
    )
    expect(page.locator("#message")).to_have_text("All clusters shown are named.")
    rows = exported(page)
    assert rows[0] == ["cluster", "category", "excluded"]
    expected = {number: f"k{place % 13}" for place, number in enumerate(order)}
    assert rows[1:] == [[str(n), expected[n], ""] for n in range(104)]
    assert all(url.startswith(("file:", "blob:", "data:")) for url in page.requested)


def test_names_are_completed(visit):
    page = visit(n_clusters=4)
    name_field(page, 0).fill("Short axis")
    name_field(page, 0).press("Enter")
    name_field(page, 1).fill("Long axis")
    name_field(page, 1).press("Tab")
    name_field(page, 2).click()
    page.keyboard.type("sho")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(name_field(page, 2)).to_have_value("Short axis")
    name_field(page, 3).click()
    page.keyboard.type("axis")
    options(page).filter(has_text="Long axis").click()
    expect(name_field(page, 3)).to_have_value("Long axis")
    buttons = page.locator("#categories button")
    assert [text.splitlines()[0] for text in buttons.all_inner_texts()] == [
        "Long axis",
        "Short axis",
    ]
    buttons.nth(1).click()
    expect(page.locator(".card:visible")).to_have_count(2)
    expect(page.locator("#count")).to_have_text("2 clusters shown")


def test_clusters_are_merged(visit):
    page = visit(n_clusters=6)
    card(page, 4).focus()
    page.keyboard.press("m")
    first = set(page.evaluate("[...cards.selected]"))
    pair = page.evaluate("clustering.branchToSelect(4, new Set())")
    assert first == set(pair)
    assert 4 in first
    page.keyboard.press("Escape")
    for number in (0, 3, 5):
        page.get_by_label(f"Select cluster {number}", exact=True).check()
    expect(page.locator("#selected")).to_have_text("3 clusters selected: 0, 3, 5")
    page.locator("#selection-name").fill("hand")
    page.keyboard.press("Enter")
    expect(page.locator("#selection")).to_be_hidden()
    assert exported(page)[1:] == [
        ["0", "hand", ""],
        ["3", "hand", ""],
        ["5", "hand", ""],
    ]
    page.keyboard.press("Control+z")
    expect(page.locator("#progress")).to_contain_text("0 of 6 named")
    page.keyboard.press("Control+y")
    expect(page.locator("#progress")).to_contain_text("3 of 6 named")


def test_a_suggestion_is_accepted_by_a_key(visit):
    page = visit(n_clusters=3)
    name_field(page, 2).fill("foot")
    name_field(page, 2).press("Enter")
    expect(card(page, 1).locator(".suggestion")).to_have_text("Looks like 2: foot")
    card(page, 1).focus()
    page.keyboard.press("a")
    expect(name_field(page, 1)).to_have_value("foot")
    card(page, 0).locator(".suggestion").click()
    expect(page.locator("#progress")).to_contain_text("3 of 3 named")


def test_a_suggestion_is_accepted_while_one_names(visit):
    page = visit(n_clusters=4, names={0: "foot"})
    page.locator("#sort").select_option("number")
    name_field(page, 1).focus()
    page.keyboard.press("Control+Enter")
    expect(name_field(page, 1)).to_have_value("foot")
    expect(name_field(page, 2)).to_be_focused()


def test_an_opened_cluster_is_named(visit):
    page = visit(n_clusters=4, names={0: "foot"})
    page.locator("#sort").select_option("number")
    card(page, 1).locator(".montage").click()
    take = page.locator("#near button.take:visible")
    expect(take).to_have_text("Use the name “foot”")
    take.click()
    expect(page.locator("#opened-name")).to_have_value("foot")
    page.keyboard.press("j")
    expect(page.locator("#opened-title")).to_have_text("Cluster 2")
    page.keyboard.press("n")
    page.keyboard.type("hand")
    page.keyboard.press("Enter")
    expect(page.locator("#opened-title")).to_have_text("Cluster 3")
    expect(page.locator("#opened-name")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(card(page, 3)).to_be_focused()
    assert exported(page)[1:] == [
        ["0", "foot", ""],
        ["1", "foot", ""],
        ["2", "hand", ""],
    ]


def test_keys_of_a_letter_can_be_switched_off(visit):
    page = visit(n_clusters=3, names={0: "foot"})
    page.keyboard.press("?")
    page.get_by_label("Single-letter keys").uncheck()
    page.keyboard.press("Escape")
    reload(page)
    card(page, 1).focus()
    page.keyboard.press("a")
    page.keyboard.press("m")
    page.keyboard.press(" ")
    expect(page.locator("#selected")).to_have_text("1 cluster selected: 1")
    expect(name_field(page, 1)).to_have_value("")


def test_colours_are_chosen_and_kept(visit):
    page = visit(n_clusters=1, scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) != light
    reload(page)
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) == light


def test_letters_are_no_commands_while_one_types(visit):
    page = visit(n_clusters=3)
    name_field(page, 1).click()
    page.keyboard.type("jamzu? /x")
    expect(name_field(page, 1)).to_have_value("jamzu? /x")
    assert page.evaluate("cards.selected.size") == 0
    assert not page.locator("#keys").is_visible()


def test_images_are_marked(visit):
    page = visit(n_clusters=3, n_each=5)
    card(page, 1).focus()
    page.keyboard.press("Enter")
    tiles = page.locator("#tiles button")
    expect(tiles).to_have_count(5)
    rows = [int(tile.get_attribute("data-row")) for tile in tiles.all()]
    assert set(rows) == set(range(5, 10))
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(tiles.nth(2)).to_have_attribute("aria-pressed", "true")
    tiles.nth(4).click()
    page.keyboard.press("3")
    expect(page.get_by_role("tab", name="Doubtful")).to_have_attribute(
        "aria-selected", "true"
    )
    doubtful = page.locator(f'#tiles button[data-row="{rows[4]}"]')
    expect(doubtful).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(card(page, 1).locator(".marked")).to_have_text("2 images marked")
    marked = " ".join(map(str, sorted([rows[2], rows[4]])))
    assert exported(page)[1:] == [["1", "", marked]]


def test_marks_that_the_page_is_written_with(visit):
    page = visit(n_clusters=3, n_each=4, names={0: "x"}, excluded=[9, 2, 11])
    assert exported(page)[1:] == [["0", "x", "2"], ["2", "", "9 11"]]
    page.evaluate("naming.toggleExcluded(2, 9)")
    assert exported(page)[1:] == [["0", "x", "2"], ["2", "", "11"]]
    page.evaluate("naming.startAgain()")
    assert exported(page)[1:] == [["0", "x", "2"], ["2", "", "9 11"]]


def test_what_is_exported_can_be_imported(visit, tmp_path, page_of):
    path = page_of(n_clusters=5, n_each=4)
    page = visit(path)
    names = {0: 'a "b", c', 2: "=1+1", 4: "Zweikammerblick; ä"}
    for number, name in names.items():
        name_field(page, number).fill(name)
        name_field(page, number).press("Enter")
    page.evaluate("naming.toggleExcluded(3, 13)")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export names.csv").click()
    text = download.value.path().read_bytes()
    assert (
        text
        == (
            'cluster,category,excluded,example\r\n0,"a ""b"", c",,{}\r\n2,=1+1,,{}\r\n'
            "3,,13,{}\r\n4,Zweikammerblick; ä,,{}\r\n"
        )
        .format(*(page.evaluate(f"clustering.exampleOf({n})") for n in (0, 2, 3, 4)))
        .encode()
    )
    other = visit(path)
    expect(other.locator("#progress")).to_contain_text("0 of 5 named")
    import_text(other, tmp_path, b"\xef\xbb\xbf" + text)
    expect(other.locator("#message")).to_have_text("3 names read from mine.csv.")
    for number, name in names.items():
        expect(name_field(other, number)).to_have_value(name)
    expect(card(other, 3).locator(".marked")).to_have_text("1 image marked")
    import_text(other, tmp_path, "Category;Cluster\nx;1\n\n")
    expect(name_field(other, 1)).to_have_value("x")
    expect(other.locator("#progress")).to_contain_text("1 of 5 named")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line must name the columns"),
        ("a,b\n1,2\n", "the first line must name the columns"),
        ("cluster,category\n5,x\n", "line 2: “5” is not a cluster"),
        ("cluster,category\n0,x\n0,y\n", "line 3: cluster 0 is listed twice"),
        ('cluster,category\n0,"x\n', "a quotation mark is not closed"),
        ("cluster,category\n0,x,y\n", "line 2: it has 3 fields"),
        ("cluster,category,excluded\n0,x,99\n", "line 2: “99” is not an image"),
        ("cluster,category,excluded\n0,x,4\n", "line 2: image 4 is in cluster 1"),
        ("cluster,category,example\n0,x,4\n", "line 2: image 4 is in cluster 1"),
        ('cluster,category\n0,"x\ny"\n', "the category has control characters"),
        (b"cluster,category\n0,\xe4\n", "it is not UTF-8 text"),
    ],
    ids=range(11),
)
def test_a_bad_import_changes_nothing(visit, tmp_path, text, message):
    page = visit(n_clusters=5, n_each=4, names={3: "kept"})
    import_text(page, tmp_path, text)
    expect(page.locator("#message")).to_contain_text(message)
    expect(page.locator("#message")).to_contain_text("Nothing was changed")
    assert exported(page)[1:] == [["3", "kept", ""]]


def test_names_are_kept_in_the_browser(visit):
    page = visit(n_clusters=3, names={0: "given"})
    name_field(page, 1).fill("mine")
    name_field(page, 1).press("Enter")
    reload(page)
    expect(name_field(page, 0)).to_have_value("given")
    expect(name_field(page, 1)).to_have_value("mine")
    page.get_by_role("button", name="Start again…").click()
    page.locator("#confirm-restart").get_by_role("button", name="Keep them").click()
    expect(name_field(page, 1)).to_have_value("mine")
    page.get_by_role("button", name="Start again…").click()
    page.locator("#confirm-restart").get_by_role("button", name="Start again").click()
    expect(name_field(page, 1)).to_have_value("")
    expect(name_field(page, 0)).to_have_value("given")


def test_two_tabs_show_the_same(visit):
    page = visit(n_clusters=3)
    other = page.context.new_page()
    other.goto(page.url)
    other.locator("html[data-ready]").wait_for()
    name_field(page, 1).fill("here")
    name_field(page, 1).press("Enter")
    expect(name_field(other, 1)).to_have_value("here")
    name_field(other, 2).fill("there")
    name_field(other, 2).press("Enter")
    expect(name_field(page, 2)).to_have_value("there")
    assert exported(page)[1:] == [["1", "here", ""], ["2", "there", ""]]
    page.keyboard.press("Escape")
    page.keyboard.press("z")  # what the other tab did after it is not undone
    expect(name_field(page, 1)).to_have_value("here")
    expect(name_field(other, 2)).to_have_value("there")


def test_a_name_of_a_cluster_without_images_is_exported(visit):
    page = visit(n_clusters=3)
    page.evaluate("naming.name([7], 'elsewhere')")
    name_field(page, 1).fill("here")
    name_field(page, 1).press("Enter")
    assert exported(page)[1:] == [["1", "here", ""], ["7", "elsewhere", ""]]


def test_a_browser_that_keeps_nothing(visit):
    forbidden = (
        "Object.defineProperty(window, 'localStorage', "
        "{ get() { throw new DOMException('forbidden', 'SecurityError'); } });"
    )
    page = visit(n_clusters=3, init=forbidden)
    name_field(page, 1).fill("mine")
    name_field(page, 1).press("Enter")
    expect(page.locator("#message")).to_have_text("Cluster 1 named “mine”.")
    expect(page.locator("#not-stored")).to_contain_text("does not store names")
    assert exported(page)[1:] == [["1", "mine", ""]]


def test_hostile_names_are_text(visit):
    captions = [HOSTILE, *(["x"] * 11)]
    page = visit(names={0: HOSTILE}, image_names=captions, n_clusters=3, title=HOSTILE)
    expect(name_field(page, 0)).to_have_value(HOSTILE)
    expect(page.locator("h1")).to_have_text(HOSTILE)
    expect(page.locator("#categories strong")).to_have_text(HOSTILE)
    name_field(page, 1).click()
    page.keyboard.type("<i")
    expect(options(page)).to_contain_text(HOSTILE)
    page.keyboard.press("Escape")
    card(page, 0).locator(".montage").click()
    expect(page.locator("#tiles").get_by_text(HOSTILE).first).to_be_visible()
    assert page.title() == HOSTILE
    assert page.locator("img").count() == 0
    assert page.evaluate("document.title") == HOSTILE


def test_cards_out_of_sight_are_passed_over(visit):
    page = visit(n_clusters=120, n_each=2)
    first, last = page.locator(".card").first, page.locator(".card").last
    is_laid_out = "card => card.checkVisibility({contentVisibilityAuto: true})"
    assert first.evaluate(is_laid_out)
    assert not last.evaluate(is_laid_out)
    page.evaluate("cards.focus(cards.shown.at(-1))")
    expect(last).to_be_in_viewport(ratio=1)
    assert last.evaluate(is_laid_out)
    expect(last.locator(".tile")).to_have_count(2)


def test_a_filter_leaves_no_gap_and_the_focus_where_it_is(visit):
    page = visit(n_clusters=60, n_each=2, names=dict.fromkeys(range(30), "x"))
    page.get_by_label("Unnamed only").check()
    sizes = "groups => groups.map(group => group.children.length)"
    groups = page.locator("#cards .group")
    assert groups.evaluate_all(sizes) == [24, 6, 0]
    number = page.evaluate("cards.shown[9]")
    page.evaluate("cards.focus(cards.shown[9])")
    page.evaluate("naming.name([cards.shown[0]], 'y')")
    assert groups.evaluate_all(sizes) == [24, 5, 0]
    expect(card(page, number)).to_be_focused()


def test_search_and_sort(visit):
    page = visit(n_clusters=12, n_each=2, names={3: "Hand", 7: "handle"})
    page.keyboard.press("/")
    page.keyboard.type("hand")
    expect(page.locator(".card:visible")).to_have_count(2)
    page.locator("#search").fill("1")
    expect(page.locator(".card:visible")).to_have_count(1)
    page.locator("#search").fill("nothing")
    expect(page.locator("#no-match")).to_be_visible()
    page.get_by_role("button", name="Show all").click()
    page.locator("#sort").select_option("number")
    numbers = page.locator(".card").evaluate_all(
        "all => all.map(c => c.dataset.number)"
    )
    assert numbers == [str(n) for n in range(12)]
    page.locator("#sort").select_option("unnamed")
    numbers = page.locator(".card").evaluate_all(
        "all => all.map(c => c.dataset.number)"
    )
    assert set(numbers[-2:]) == {"3", "7"}
    page.locator("#unnamed").check()
    expect(page.locator(".card:visible")).to_have_count(10)


def test_new_clusters_come_first_and_say_so(visit):
    page = visit(n_clusters=6, names={0: "foot", 1: "hand"}, new=[4, 2])
    numbers = [int(n) for n in page.locator(".card .number span").all_text_contents()]
    assert set(numbers[:2]) == {2, 4}
    expect(page.locator(".card .new:visible")).to_have_count(2)
    assert page.get_by_role("listitem", name="Cluster 4 (new)").count() == 1
    assert page.get_by_role("listitem", name="Cluster 0", exact=True).count() == 1
    expect(name_field(page, 0)).to_have_value("foot")
    page.keyboard.press("u")
    expect(name_field(page, numbers[0])).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#opened-title")).to_have_text(f"Cluster {numbers[0]} (new)")
    page.keyboard.press("Escape")
    page.locator("#sort").select_option("number")
    numbers = page.locator(".card .number span").all_text_contents()
    assert numbers == [str(n) for n in range(6)]


def test_copies_and_outliers_are_shown(visit, found):
    page = visit(n_clusters=10, n_each=4, **found)
    facts = "34 images in 15 groups of copies, 30 outliers"
    expect(page.locator("#finds-facts")).to_have_text(facts)
    assert page.locator("#finds .tile").count() == 0
    page.locator("#finds summary").click()
    expect(page.locator("#finds .tile")).to_have_count(26 + 24)
    captions = page.locator("#finds .found .facts")
    expect(captions.first).to_have_text("image 0, image 1, image 2, image 3 and 2 more")
    page.locator("#finds").get_by_role("button", name="cluster 9").first.click()
    expect(page.locator("#opened-title")).to_have_text("Cluster 9")
    page.keyboard.press("Escape")
    page.locator("#finds summary").click()
    page.locator("#finds summary").click()
    expect(page.locator("#finds .tile")).to_have_count(26 + 24)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
def test_accessible_to_all(visit, found, scheme, width):
    page = visit(
        n_clusters=10, names={0: "hand"}, new=[1], width=width, scheme=scheme, **found
    )
    page.locator("#finds summary").click()
    expect(page.locator("#finds .tile").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    def check():
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()

    page.get_by_label("Select cluster 2", exact=True).check()
    page.wait_for_timeout(300)  # colours fade
    check()
    card(page, 1).locator(".montage").click()
    page.wait_for_timeout(300)
    check()
    page.keyboard.press("x")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    check()


def test_on_a_phone_no_message_hides_the_selection(visit):
    page = visit(n_clusters=3, width=360)
    name_field(page, 1).fill("foot")
    name_field(page, 1).press("Enter")
    page.get_by_label("Select cluster 2", exact=True).check()
    message = page.locator("#message").bounding_box()
    bar = page.locator("#selection").bounding_box()
    assert message["y"] + message["height"] < bar["y"]


def test_few_images_are_no_larger_than_many(visit):
    page = visit(n_clusters=3, n_each=2)
    montage = card(page, 1).locator(".montage")
    tile = montage.locator(".tile").first.bounding_box()
    assert tile["width"] == pytest.approx(montage.bounding_box()["width"] / 6, abs=4)
    assert tile["height"] == pytest.approx(tile["width"], abs=1)


def test_a_thousand_clusters(visit):
    page = visit(n_clusters=1000, n_each=3)
    expect(page.locator("#progress")).to_have_text("0 of 1,000 named, 0.0 % of images")
    painted = page.locator(".montage:has(.tile)").count()
    assert 0 < painted < 200  # the others wait until they are near
    page.keyboard.press("u")
    page.keyboard.type("first")
    page.keyboard.press("Enter")
    expect(page.locator("#progress")).to_have_text("1 of 1,000 named, 0.1 % of images")
