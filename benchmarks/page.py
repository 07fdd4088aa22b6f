"""How long one waits for the page: to open it, and from a key to its answer.

    python benchmarks/page.py --clusters 1000

Debian's chromium opens a page of so many clusters, with copies, outliers and new
clusters. Time to open: from the start of loading until all is there and drawn. From a
key to its answer: from the time of the event until the frame that shows the answer has
been drawn. Beside other work both grow; the processor's time in the page's main thread,
to open it or for one key, does not. Needs what the tests need: pip install '.[test]',
apt-get install chromium.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from _common import machine, table
from playwright.sync_api import sync_playwright

from skdeepcluster.datasets import make_cardiac_views
from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._report import write_page

# Both end when the browser has drawn: a task after the next frame.
TIMER = """
const afterDrawing = (done) => requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = done;
  channel.port2.postMessage(0);
});
new MutationObserver((_, observer) => {
  if (!document.documentElement?.hasAttribute('data-ready')) return;
  observer.disconnect();
  afterDrawing(() => { window.opened_after = performance.now(); });
}).observe(document, { attributes: true, childList: true, subtree: true });
window.waits = [];
addEventListener('keydown', ({ timeStamp }) => {
  afterDrawing(() => window.waits.push(performance.now() - timeStamp));
}, true);
"""
OPENING = "open the page"
NAME = [*"short axis", "Enter"]
ACTIONS = {  # in this order
    "next cluster": ["j"] * 20,
    "open the name field of the next unnamed one": ["u"],
    "type names, and Enter": NAME * 5,
    "leave the field": ["Escape"],
    "accept a suggestion": ["a"] * 10,
    "select a branch": ["m"] * 5,
    "clear the selection": ["Escape"],
    "undo": ["z"] * 5,
    "redo": ["y"] * 5,
    "open a cluster": ["Enter"],
    "next cluster, opened": ["j"] * 10,
    "mark an image": ["ArrowRight", "x"],
    "close": ["Escape"],
    "search": ["/", *"axis"],
}


def write(path, n_clusters, n_each):
    """A page of views of the heart, in clusters at random."""
    views, _ = make_cardiac_views(2000, random_state=0)
    random = np.random.default_rng(0)
    n = n_clusters * n_each
    images = views[random.integers(len(views), size=n)]
    labels = np.repeat(np.arange(n_clusters), n_each)
    centers = random.normal(size=(n_clusters, 512)).astype(np.float32)
    embedding = centers[labels] + random.normal(size=(n, 512)).astype(np.float32)
    values = random.random((2, n), dtype=np.float32)
    assignment = Assignment(
        embedding, labels, values[0], (labels + 1) % n_clusters, values[1]
    )
    rows = np.arange(40)
    groups = {"group": rows // 2, "image": rows, "kind": "near"}
    strange = {"image": rows, "cluster": labels[rows], "doubt": True}
    write_page(
        path,
        images,
        assignment,
        centers,
        names=dict.fromkeys(range(n_clusters // 4), "known"),
        new=range(n_clusters - 20, n_clusters),
        duplicates=pd.DataFrame(groups),
        outliers=pd.DataFrame(strange),
    )


def measured(browser, path):
    """Milliseconds to open, of each key by action, and of the processor for one."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(TIMER)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def processor():
        found = session.send("Performance.getMetrics")["metrics"]
        return {each["name"]: 1000 * each["value"] for each in found}["TaskDuration"]

    page.goto(path.as_uri())
    while (opened := page.evaluate("window.opened_after")) is None:
        page.wait_for_timeout(5)
    waits, taken = {OPENING: [opened]}, {OPENING: processor()}
    for action, keys in ACTIONS.items():
        page.wait_for_timeout(200)  # until all is done that nobody waits for
        page.evaluate("window.waits.length = 0")
        before = processor()
        for done, key in enumerate(keys, 1):
            page.keyboard.press(key)
            while page.evaluate("window.waits.length") < done:
                page.wait_for_timeout(5)
        taken[action] = (processor() - before) / len(keys)
        waits[action] = page.evaluate("window.waits")
    page.close()
    return waits, taken


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clusters", type=int, default=1000)
    options.add_argument("--images", type=int, default=50, help="of each cluster")
    options.add_argument("--times", type=int, default=5, help="the page is opened")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "report.html")
        write(path, args.clusters, args.images)
        size = path.stat().st_size / 1e6
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"] if os.getuid() == 0 else [],
        )
        results = [measured(browser, path) for _ in range(args.times)]
        version = browser.version
        browser.close()
    print(f"{machine()}, chromium {version}\n")
    print(f"{args.clusters:,} clusters, {size:.1f} MB, opened {args.times} times\n")
    lines = []
    for action in (OPENING, *ACTIONS):
        each = [wait for waits, _ in results for wait in waits[action]]
        taken = [taken[action] for _, taken in results]
        numbers = (np.median(each), max(each), np.median(taken))
        lines.append([action, str(len(each)), *(f"{n:.0f}" for n in numbers)])
    print(table(["action", "times", "median ms", "longest ms", "processor ms"], lines))


if __name__ == "__main__":
    main()
